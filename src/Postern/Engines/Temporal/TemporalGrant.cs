using Postern.Model;

namespace Postern.Engines.Temporal;

/// <summary>
/// The least that a stock server's authorizer asks for a call, as it stands in the minted token: <c>payments:write</c>, <c>temporal-system:read</c>.
/// The grain is the server's: a namespace and a level.
/// </summary>
internal static class TemporalGrant
{
    private const int Size = 1024;
    private static readonly string[] s_levels = ["read", "write", "admin"];

    // By namespace and level, newest wins: a call whose namespace was seen lately allocates nothing.
    private static readonly Entry?[] s_entries = new Entry?[Size];

    public static string For(TemporalMethod method, Operation operation)
    {
        if (method.Row.Scope == TemporalScope.Cluster || operation.Namespace is null)
        {
            // Without a name only the system's own grant opens the call: an id, or a token that holds the namespace.
            return method.Row.Access switch
            {
                TemporalAccess.Read => "temporal-system:read",
                TemporalAccess.Write => "temporal-system:write",
                _ => "temporal-system:admin",
            };
        }

        var ns = operation.Namespace;
        var access = (int)method.Row.Access;
        ref var place = ref s_entries[(ns.GetHashCode(StringComparison.Ordinal) + access) & (Size - 1)];
        var entry = place;
        if (entry is null || entry.Access != access || !string.Equals(entry.Namespace, ns, StringComparison.Ordinal))
        {
            place = entry = new Entry(ns, access, $"{ns}:{s_levels[access]}");
        }

        return entry.Grant;
    }

    private sealed record Entry(string Namespace, int Access, string Grant);
}
