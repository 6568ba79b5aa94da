using System.Collections.Frozen;
using System.Collections.Immutable;
using Postern.Configuration;
using Postern.Model;

namespace Postern.Policy;

/// <summary>Reads <c>who:</c> and <c>unless:</c>. Names belong to their issuer, so a name without one is only clear where there is one issuer.</summary>
internal sealed class WhoReader(NodeReader nodes, IReadOnlyList<string> issuers)
{
    private static readonly FrozenDictionary<string, WhoKind> Kinds = new Dictionary<string, WhoKind>(StringComparer.Ordinal)
    {
        ["user"] = WhoKind.User, ["account"] = WhoKind.Account, ["agent"] = WhoKind.Agent, ["group"] = WhoKind.Group,
        ["issuer"] = WhoKind.Issuer, ["certificate"] = WhoKind.Certificate, ["claim"] = WhoKind.Claim,
    }.ToFrozenDictionary(StringComparer.Ordinal);

    private static readonly string[] Words = [.. Kinds.Keys.Select(k => k + ":").Order(StringComparer.Ordinal), "anyone"];

    public ImmutableArray<Who> Read(ConfigNode node, string path)
    {
        var all = ImmutableArray.CreateBuilder<Who>();
        foreach (var (text, at, line) in nodes.Texts(node, path))
        {
            if (ReadOne(text, at, line) is { } who)
            {
                all.Add(who);
            }
        }

        return all.ToImmutable();
    }

    private Who? ReadOne(string text, string path, int line)
    {
        if (text == "anyone")
        {
            return new Who(WhoKind.Anyone, null, new Glob("*")) { Text = text };
        }

        var colon = text.IndexOf(':', StringComparison.Ordinal);
        var word = colon < 0 ? text : text[..colon];
        if (colon < 0 || !Kinds.TryGetValue(word, out var kind))
        {
            nodes.Error(path, line, $"'{text}' names nobody; {NearestName.Advice(colon < 0 ? text : word + ":", Words)}");
            return null;
        }

        var name = text[(colon + 1)..].TrimStart();
        if (name.Length == 0)
        {
            nodes.Error(path, line, $"there is no name behind '{word}:'; write '{word}:*' for any");
            return null;
        }

        return kind switch
        {
            WhoKind.Issuer => ReadIssuer(text, name, path, line),
            WhoKind.Certificate => new Who(kind, null, new Glob(name)) { Text = text },
            _ => ReadQualified(kind, text, word, name, path, line),
        };
    }

    private Who? ReadIssuer(string text, string name, string path, int line)
    {
        if (issuers.Contains(name) || name.Contains('*'))
        {
            return new Who(WhoKind.Issuer, null, new Glob(name)) { Text = text };
        }

        nodes.Error(path, line, $"no issuer is named '{name}'; {NearestName.Advice(name, issuers)}");
        return null;
    }

    private Who? ReadQualified(WhoKind kind, string text, string word, string name, string path, int line)
    {
        // Names may hold slashes themselves (Keycloak's groups do): only a configured issuer's name before the first one qualifies.
        var slash = name.IndexOf('/', StringComparison.Ordinal);
        var before = slash > 0 ? name[..slash] : null;
        if (before is not null && issuers.Contains(before))
        {
            if (slash + 1 == name.Length)
            {
                nodes.Error(path, line, $"there is no name behind '{word}:{before}/'; write '{word}:{before}/*' for any");
                return null;
            }

            return Build(kind, text, before, name[(slash + 1)..], path, line);
        }

        if (IssuerNames.Meant(issuers, kind is WhoKind.Account or WhoKind.Agent) is { } meant)
        {
            if (before is not null && NearestName.Of(before, issuers) is { } near)
            {
                nodes.Warning(path, line, $"no issuer is named '{before}', so the name is taken to be '{name}' of '{meant}'; did you mean '{word}:{near}{name[slash..]}'?");
            }

            return Build(kind, text, meant, name, path, line);
        }

        nodes.Error(path, line, issuers.Count == 0
            ? "no issuer is configured, so the name belongs to nobody"
            : $"there are {issuers.Count} issuers and the name belongs to none; write '{word}:{issuers[0]}/{name}' or another of {string.Join(", ", issuers)}");
        return null;
    }

    private Who? Build(WhoKind kind, string text, string issuer, string name, string path, int line)
    {
        if (kind != WhoKind.Claim)
        {
            return new Who(kind, issuer, new Glob(name)) { Text = text };
        }

        var equals = name.IndexOf('=', StringComparison.Ordinal);
        if (equals <= 0 || equals + 1 == name.Length)
        {
            nodes.Error(path, line, $"'{text}' compares nothing; write claim:<path>=<value>, such as claim:department=fin*");
            return null;
        }

        return new Who(kind, issuer, new Glob(name[(equals + 1)..])) { Text = text, ClaimPath = name[..equals] };
    }
}
