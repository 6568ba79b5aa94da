using System.Collections.Immutable;
using Postern.Model;

namespace Postern.Policy;

/// <summary>Which credentials a namespace takes: none but the named kinds and issuers, whatever bindings say.</summary>
/// <param name="Namespaces">The namespaces that it is about.</param>
/// <param name="Accepts">Whether a caller came with one of them.</param>
internal sealed record AcceptedCredentials(Glob Namespaces, Func<Caller, bool> Accepts);

/// <summary>
/// What takes away from a caller before any rule is asked: the bounds of its account and key, and namespaces that don't take its kind of credential. Nothing here
/// ever allows.
/// </summary>
internal sealed class Narrowing
{
    private const string OutOfBounds = "the credential is narrowed to other namespaces";
    private const string WrongKind = "the namespace doesn't take this kind of credential";

    private readonly ImmutableArray<ImmutableArray<Glob>> _bounds;
    private readonly ImmutableArray<Glob> _refused;

    private Narrowing(ImmutableArray<ImmutableArray<Glob>> bounds, ImmutableArray<Glob> refused) => (_bounds, _refused) = (bounds, refused);

    /// <summary>Null for the many callers whom nothing narrows.</summary>
    public static Narrowing? Of(Caller caller, ImmutableArray<AcceptedCredentials> accepted)
    {
        ImmutableArray<Glob> refused = [.. accepted.Where(a => !a.Accepts(caller)).Select(a => a.Namespaces)];
        return caller.NamespaceBounds.IsEmpty && refused.IsEmpty ? null
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
            return !IsWithin(name) ? Deny(OutOfBounds, out decision) : IsRefused(name) && Deny(WrongKind, out decision);
        }

        if ((demand.Unknown & Dimensions.Namespace) != Dimensions.None)
        {
            decision = new Decision(DecisionKind.CannotTell, CallerPolicy.NoRule, "it depends on the namespace, which the call doesn't name");
            return true;
        }

        // What everybody may ask (a list that shows what may be seen, what the server says of itself) is nobody's to bound; what acts on all namespaces is.
        return !_bounds.IsEmpty && !demand.UnlessDenied && (demand.ClusterScope || (PermissionDimensions.Of(demand.Permission) & Dimensions.Namespace) != Dimensions.None) && Deny(OutOfBounds, out decision);
    }

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

    private bool IsRefused(string name) => Matches(_refused, name);

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
