using Postern.Configuration;
using Postern.Identity.ApiKeys;
using Postern.Identity.BreakGlass;

namespace Postern.Identity.Introspection;

/// <summary>Checks the servers that are asked about opaque tokens; above all that no token can go to two of them.</summary>
internal static class IntrospectionValidator
{
    private static readonly string[] NotOpaque = [ApiKeyText.Prefix, BreakGlassCredential.Prefix, "eyJ"];

    public static void Validate(IReadOnlyList<IntrospectionOptions> options, string path, Problems problems)
    {
        for (var i = 0; i < options.Count; i++)
        {
            var place = $"{path}[{i}]";
            Validate(options[i], place, problems);
            if (options.Count > 1 && options[i].Prefix is null)
            {
                problems.Error($"{place}.prefix", "is required where there are several entries, since nothing else tells their tokens apart; write what this server's tokens begin with, or keep one entry");
            }

            for (var j = 0; j < i; j++)
            {
                if (options[i].Prefix is { } one && options[j].Prefix is { } other && (one.StartsWith(other, StringComparison.Ordinal) || other.StartsWith(one, StringComparison.Ordinal)))
                {
                    problems.Error($"{place}.prefix", $"and {path}[{j}].prefix ('{other}') begin the same tokens, so that one would be shown to both servers; write prefixes that exclude each other");
                }
            }
        }
    }

    private static void Validate(IntrospectionOptions options, string path, Problems problems)
    {
        if (options.Endpoint.Length > 0 && !IdentityValidator.IsSafeUrl(options.Endpoint))
        {
            problems.Error($"{path}.endpoint", $"{problems.Written($"{path}.endpoint")} can't be trusted with tokens; write an https:// URL (http:// only on loopback)");
        }

        if (options.Prefix is { } prefix && NotOpaque.Any(other => prefix.StartsWith(other, StringComparison.Ordinal)))
        {
            problems.Error($"{path}.prefix", $"'{prefix}' begins keys of the gate or JWTs, which are never sent to anybody; write what this server's opaque tokens begin with");
        }

        if (options.Stale > TimeSpan.Zero && options.Stale <= options.Cache)
        {
            problems.Error($"{path}.stale", "is not longer than cache, so that it never helps; write a longer one, or remove the line");
        }

        IdentityValidator.ValidateKind(options.Kind, path, problems);
    }
}
