using System.Collections.Immutable;
using System.CommandLine;
using System.Text.Json;
using Postern.Model;
using Postern.Policy;

namespace Postern.Commands;

/// <summary>A caller as one writes it on a command line: <c>user:okta/alice@example.com</c>, groups and claims beside it.</summary>
internal static class CallerArguments
{
    public static readonly Option<string> Caller = new("--caller")
    {
        Description = "Who calls: user:, account: or agent: with the subject; with several issuers user:<issuer>/<subject>.",
        HelpName = "kind:subject",
    };

    public static readonly Option<string[]> Groups = new("--group") { Description = "A group of the caller, without its issuer's name. May be given several times.", HelpName = "name" };

    public static readonly Option<string[]> Claims = new("--claim") { Description = "A claim of the caller, such as department=finance. May be given several times.", HelpName = "path=value" };

    private static readonly (string Word, CallerKind Kind)[] Kinds = [("user", CallerKind.Human), ("account", CallerKind.Service), ("agent", CallerKind.Agent)];

    /// <summary>The caller, or what is wrong with the arguments.</summary>
    public static Caller? Read(ParseResult parsed, IReadOnlyList<string> issuers, out string wrong)
    {
        wrong = "";
        var text = parsed.GetValue(Caller) ?? "";
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        var (word, kind) = Array.Find(Kinds, k => colon > 0 && text.AsSpan(0, colon).SequenceEqual(k.Word));
        if (word is null || colon + 1 == text.Length)
        {
            wrong = "--caller takes user:, account: or agent: with a subject, such as user:alice@example.com";
            return null;
        }

        var name = text[(colon + 1)..];
        var slash = name.IndexOf('/', StringComparison.Ordinal);
        var named = slash > 0 && issuers.Contains(name[..slash]);
        var meant = named ? name[..slash] : IssuerNames.Meant(issuers, kind != CallerKind.Human);
        if (meant is null)
        {
            wrong = $"--caller must name its issuer, such as {word}:{(issuers.Count > 0 ? issuers[0] : "okta")}/{name}; issuers: {string.Join(", ", issuers)}";
            return null;
        }

        var (issuer, subject) = (meant, named ? name[(slash + 1)..] : name);
        if (ReadClaims(parsed.GetValue(Claims) ?? [], out wrong) is not { } claims)
        {
            return null;
        }

        return new Caller
        {
            Kind = kind, Issuer = issuer, Subject = subject, Name = $"{issuer}/{subject}", DisplayName = subject, Claims = claims,
            Groups = [.. (parsed.GetValue(Groups) ?? []).Select(g => g.StartsWith(issuer + "/", StringComparison.Ordinal) ? g[(issuer.Length + 1)..] : g)],
        };
    }

    // A claim given twice is one with several values; a path with dots is a claim within claims.
    private static JsonElement? ReadClaims(string[] pairs, out string wrong)
    {
        wrong = "";
        var root = new Dictionary<string, object>(StringComparer.Ordinal);
        foreach (var pair in pairs)
        {
            var equals = pair.IndexOf('=', StringComparison.Ordinal);
            if (equals <= 0)
            {
                wrong = $"--claim takes path=value, not '{pair}'";
                return null;
            }

            if (!Add(root, pair[..equals].Split('.'), pair[(equals + 1)..]))
            {
                wrong = $"--claim {pair} is both a value and a claim with claims in it";
                return null;
            }
        }

        return JsonSerializer.SerializeToElement(root);
    }

    private static bool Add(Dictionary<string, object> at, ReadOnlySpan<string> path, string value)
    {
        if (path.Length > 1)
        {
            at.TryAdd(path[0], new Dictionary<string, object>(StringComparer.Ordinal));
            return at[path[0]] is Dictionary<string, object> inner && Add(inner, path[1..], value);
        }

        if (at.TryAdd(path[0], ImmutableList.Create(value)))
        {
            return true;
        }

        if (at[path[0]] is not ImmutableList<string> values)
        {
            return false;
        }

        at[path[0]] = values.Add(value);
        return true;
    }
}
