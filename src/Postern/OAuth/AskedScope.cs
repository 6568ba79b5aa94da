using System.Collections.Immutable;

namespace Postern.OAuth;

/// <summary>
/// Scopes of a token for engines: <c>namespace:‹pattern›</c> and <c>role:‹name›</c>. They take away from what policy allows, and never add to it. Without a scope of
/// a kind there is no such bound.
/// </summary>
internal sealed record AskedScope(ImmutableArray<string> Namespaces, ImmutableArray<string> Roles)
{
    private const string Namespace = "namespace:";
    private const string Role = "role:";
    private const int MostScopes = 50;
    private const int LongestScope = 300;

    /// <summary>Splits a <c>scope</c> parameter (RFC 6749 §3.3).</summary>
    public static IReadOnlyList<string> Split(string? scope)
    {
        string[] all = scope is null ? [] : [.. scope.Split(' ', StringSplitOptions.RemoveEmptyEntries).Distinct(StringComparer.Ordinal)];
        return all.Length <= MostScopes && all.All(one => one.Length <= LongestScope && one.All(c => c is > ' ' and < '\x7f' and not ('"' or '\\')))
            ? all
            : throw OAuthException.InvalidScope("The scope is too long or can't be read.");
    }

    public static AskedScope Read(IEnumerable<string> scopes)
    {
        var (namespaces, roles) = (ImmutableArray.CreateBuilder<string>(), ImmutableArray.CreateBuilder<string>());
        foreach (var scope in scopes)
        {
            if (scope.StartsWith(Namespace, StringComparison.Ordinal) && scope.Length > Namespace.Length)
            {
                namespaces.Add(scope[Namespace.Length..]);
            }
            else if (scope.StartsWith(Role, StringComparison.Ordinal) && scope.Length > Role.Length)
            {
                roles.Add(scope[Role.Length..]);
            }
            else
            {
                throw OAuthException.InvalidScope($"{scope} is no scope of this gate; there are namespace:‹pattern› and role:‹name›.".Replace('‹', '<').Replace('›', '>'));
            }
        }

        return new AskedScope(namespaces.ToImmutable(), roles.ToImmutable());
    }
}
