using System.Collections.Immutable;
using Postern.Configuration;
using Postern.Model;

namespace Postern.Policy.Conditions;

/// <summary><c>claims: { amr: mfa, realm_access.roles: [oncall, "sre-*"] }</c>: each claim has one of its values.</summary>
internal sealed class ClaimsCondition(ImmutableArray<(string Path, ImmutableArray<Glob> Values)> claims) : CallerCondition
{
    public override string Text { get; } =
        "claims: " + string.Join(", ", claims.Select(c => $"{c.Path}={string.Join('|', c.Values)}").Order(StringComparer.Ordinal));

    public override bool Matches(Caller caller)
    {
        foreach (var (path, values) in claims)
        {
            if (!ClaimValues.At(caller.Claims, path).Any(v => values.Any(g => g.Matches(v))))
            {
                return false;
            }
        }

        return true;
    }

    public static WhenCondition? Read(NodeReader nodes, ConfigNode node, string path)
    {
        if (node is not ConfigMapping { Entries.Count: > 0 } mapping)
        {
            nodes.Error(path, node.Line, $"this holds {node.Kind}; write the claims and their values: {{ amr: mfa }}");
            return null;
        }

        var claims = ImmutableArray.CreateBuilder<(string, ImmutableArray<Glob>)>();
        foreach (var entry in mapping.Entries)
        {
            var values = nodes.Globs(entry.Value, ConfigPath.Join(path, entry.Key));
            if (!values.IsEmpty)
            {
                claims.Add((entry.Key, values));
            }
        }

        return claims.Count == mapping.Entries.Count ? new ClaimsCondition(claims.ToImmutable()) : null;
    }
}
