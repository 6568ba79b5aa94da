using System.Collections.Immutable;
using Postern.Model;

namespace Postern.Policy;

/// <summary>Which credentials a namespace, or a Prefect server, takes: none but the named kinds and issuers, whatever bindings say.</summary>
/// <param name="Dimension">The namespace or the server.</param>
/// <param name="Names">Those that it is about.</param>
/// <param name="Accepts">Whether a caller came with one of them.</param>
internal sealed record AcceptedCredentials(Dimensions Dimension, Glob Names, Func<Caller, bool> Accepts);

/// <summary>
/// What takes away from a caller before any rule is asked: the bounds of its account and key, and places that don't take its kind of credential. To a bound, a Prefect
/// server is one more name among namespaces: <c>prefect/main</c>. Nothing here ever allows.
/// </summary>
internal sealed class Narrowing
{
    private const string OutOfBounds = "the credential is narrowed to other namespaces";
    private const string OutOfServers = "the credential is narrowed to other places than this Prefect server";
    private const string WrongKind = "the namespace doesn't take this kind of credential";
    private const string WrongKindOfServer = "the Prefect server doesn't take this kind of credential";

    private readonly ImmutableArray<ImmutableArray<Glob>> _bounds;
    private readonly ImmutableArray<Glob> _refused;
    private readonly ImmutableArray<Glob> _refusedServers;

    private Narrowing(ImmutableArray<ImmutableArray<Glob>> bounds, ILookup<Dimensions, Glob> refused) =>
        (_bounds, _refused, _refusedServers) = (bounds, [.. refused[Dimensions.Namespace]], [.. refused[Dimensions.Server]]);

    /// <summary>Null for the many callers whom nothing narrows.</summary>
    public static Narrowing? Of(Caller caller, ImmutableArray<AcceptedCredentials> accepted)
    {
        var refused = accepted.Where(a => !a.Accepts(caller)).ToLookup(a => a.Dimension, a => a.Names);
        return caller.NamespaceBounds.IsEmpty && refused.Count == 0 ? null
            : new Narrowing([.. caller.NamespaceBounds.Select(set => set.Select(text => new Glob(text)).ToImmutableArray())], refused);
    }

    /// <summary>The roles of a binding all of which the caller's credential may use.</summary>
    public static bool Admits(Caller caller, PolicyRule rule) => rule.IsDeny || caller.RoleBounds.IsEmpty || rule.What.All(role => caller.RoleBounds.Contains(role));

    /// <summary>Whether the demand is out of bounds. Can't-tell where its namespace isn't known yet.</summary>
    public bool Forbids(in Demand demand, out Decision decision)
    {
        decision = default;
        if (demand.Namespace is { } name)
        {
            return !IsWithin(name) ? Deny(OutOfBounds, out decision) : Matches(_refused, name) && Deny(WrongKind, out decision);
        }

        if (demand.Prefect is { Server: { } server })
        {
            return !IsWithin(PlaceOf(server)) ? Deny(OutOfServers, out decision) : Matches(_refusedServers, server) && Deny(WrongKindOfServer, out decision);
        }

        if ((demand.Unknown & Dimensions.Namespace) != Dimensions.None)
        {
            decision = new Decision(DecisionKind.CannotTell, CallerPolicy.NoRule, "it depends on the namespace, which the call doesn't name");
            return true;
        }

        // What everybody may ask (a list that shows what may be seen, what the server says of itself) is nobody's to bound; what acts on all namespaces is.
        return !_bounds.IsEmpty && !demand.UnlessDenied && (demand.ClusterScope || (PermissionDimensions.Of(demand.Permission) & PermissionDimensions.Places) != Dimensions.None) && Deny(OutOfBounds, out decision);
    }

    private static string PlaceOf(string server) => "prefect/" + server;

    private static bool Deny(string reason, out Decision decision)
    {
        decision = new Decision(DecisionKind.Deny, CallerPolicy.NoRule, reason);
        return true;
    }

    private bool IsWithin(string name)
    {
        foreach (var set in _bounds)
        {
            if (!Matches(set, name))
            {
                return false;
            }
        }

        return true;
    }

    private static bool Matches(ImmutableArray<Glob> patterns, string name)
    {
        foreach (var pattern in patterns)
        {
            if (pattern.Matches(name))
            {
                return true;
            }
        }

        return false;
    }
}
