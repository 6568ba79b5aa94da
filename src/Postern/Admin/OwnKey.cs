using System.Net;
using Postern.Model;

namespace Postern.Admin;

/// <summary>A key that an account makes for itself: never wider than the one that it came with. What isn't named is taken over from that one.</summary>
internal static class OwnKey
{
    /// <summary>Whether a key opens less than its account.</summary>
    public static bool IsNarrowed(ApiKey key) => !key.Sources.IsEmpty || !key.Namespaces.IsEmpty || !key.Roles.IsEmpty;

    public static (NewKey Key, ManagementAnswer? Refused) Narrow(NewKey wanted, ApiKey held)
    {
        var checks = new FieldChecks();
        foreach (var pattern in held.Namespaces.IsEmpty ? [] : wanted.Namespaces.Where(p => !IsWithin(p, held)))
        {
            checks.Add("namespaces", $"{pattern} isn't within those of the key that you came with ({string.Join(", ", held.Namespaces)})");
        }

        foreach (var role in held.Roles.IsEmpty ? [] : wanted.Roles.Where(r => !held.Roles.Contains(r)))
        {
            checks.Add("roles", $"{role} isn't one of those of the key that you came with ({string.Join(", ", held.Roles)})");
        }

        foreach (var network in held.Sources.IsEmpty ? [] : wanted.Sources.Where(n => !held.Sources.Any(h => IsInside(IPNetwork.Parse(n), IPNetwork.Parse(h)))))
        {
            checks.Add("sources", $"{network} isn't inside those of the key that you came with ({string.Join(", ", held.Sources)})");
        }

        return (wanted with
        {
            Namespaces = wanted.Namespaces.Count > 0 ? wanted.Namespaces : held.Namespaces,
            Roles = wanted.Roles.Count > 0 ? wanted.Roles : held.Roles,
            Sources = wanted.Sources.Count > 0 ? wanted.Sources : held.Sources,
        }, checks.Refused);
    }

    // A pattern is within another only where they are the same: what else it may match nobody can enumerate. A plain name is where it matches.
    private static bool IsWithin(string pattern, ApiKey held) =>
        held.Namespaces.Contains(pattern, StringComparer.Ordinal) || (new Glob(pattern).IsExact && held.Namespaces.Any(h => new Glob(h).Matches(pattern)));

    private static bool IsInside(IPNetwork inner, IPNetwork outer) => inner.PrefixLength >= outer.PrefixLength && outer.Contains(inner.BaseAddress);
}
