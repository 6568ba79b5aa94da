using System.Collections.Immutable;
using Postern.Model;

namespace Postern.Policy;

/// <summary>Calls that act on whatever a query finds: not whether, but for which workflow types.</summary>
internal sealed partial class CallerPolicy
{
    // A query with more names is nothing that a person wrote rules for, and engines limit how long one may be.
    private const int MostTypes = 200;

    // Stands for every type that no rule names: only exact names are compared, and no rule can hold this one.
    private const string AnyOther = "\0";

    /// <summary>
    /// Decides a call that can't be told because it doesn't name a workflow type, as if it were asked once for each type that rules name and once for any other.
    /// </summary>
    /// <param name="demands">As of <see cref="DecideAll(ReadOnlySpan{Demand}, in Circumstances, out int)"/>.</param>
    /// <param name="circumstances">Source and time of the call.</param>
    /// <param name="types">The types for which all of it is allowed; null where the decision isn't an allow.</param>
    /// <returns>An allow, which holds for <paramref name="types"/> only; a deny where there is no such type; a can't-tell where patterns or other facts stand in the way.</returns>
    public Decision DecideByType(ReadOnlySpan<Demand> demands, in Circumstances circumstances, out WorkflowTypes? types)
    {
        types = null;
        var plain = DecideAll(demands, circumstances, out _);
        var named = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var demand in demands)
        {
            if (DependsOnType(demand) && !(allows.TryNameTypes(demand, circumstances, named) && denies.TryNameTypes(demand, circumstances, named)))
            {
                return plain;
            }
        }

        if (named.Count is 0 or > MostTypes)
        {
            return plain;
        }

        var other = DecideFor(AnyOther, demands, circumstances);
        if (other.Kind == DecisionKind.CannotTell)
        {
            return plain;
        }

        var (chosen, allow) = (ImmutableArray.CreateBuilder<string>(), other);
        foreach (var name in named)
        {
            var one = DecideFor(name, demands, circumstances);
            if (one.Kind == DecisionKind.CannotTell)
            {
                return plain;
            }

            allow = allow.IsAllowed ? allow : one;
            if (one.IsAllowed != other.IsAllowed)
            {
                chosen.Add(name);
            }
        }

        types = chosen.Count > 0 ? new WorkflowTypes(other.IsAllowed, chosen.ToImmutable()) : null;
        return types is not null || !other.IsAllowed ? allow : plain;
    }

    private Decision DecideFor(string type, ReadOnlySpan<Demand> demands, in Circumstances circumstances)
    {
        Span<Demand> asked = demands.ToArray();
        foreach (ref var demand in asked)
        {
            demand = DependsOnType(demand) ? demand with { WorkflowType = type } : demand;
        }

        return DecideAll(asked, circumstances, out _);
    }

    private static bool DependsOnType(in Demand demand) => demand.WorkflowType is null && (demand.Unknown & Dimensions.WorkflowType) != Dimensions.None;
}
