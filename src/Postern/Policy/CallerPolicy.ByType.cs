using Postern.Model;

namespace Postern.Policy;

/// <summary>Calls that act on whatever a query finds: not whether, but for which workflow types.</summary>
internal sealed partial class CallerPolicy
{
    // No server limits a query's length itself, but what it asks its store does: SQLite goes a thousand conditions deep, Elasticsearch joins 1024, each range being one
    // or more. Names stand in lists, which hold far more; each still is one more decision.
    private const int MostRanges = 200;
    private const int MostTypes = 2000;

    /// <summary>
    /// Decides a call that can't be told because it doesn't name a workflow type, as if it were asked once for each type and each beginning of types that rules name, and once for any other.
    /// </summary>
    /// <param name="demands">As of <see cref="DecideAll(ReadOnlySpan{Demand}, in Circumstances, out int)"/>.</param>
    /// <param name="circumstances">Source and time of the call.</param>
    /// <param name="types">The types for which all of it is allowed; null where the decision isn't an allow.</param>
    /// <returns>An allow, which holds for <paramref name="types"/> only; a deny where there is no such type; a can't-tell where patterns or other facts stand in the way.</returns>
    public Decision DecideByType(ReadOnlySpan<Demand> demands, in Circumstances circumstances, out WorkflowTypes? types)
    {
        types = null;
        var plain = DecideAll(demands, circumstances, out _);
        var patterns = new TypePatterns();
        foreach (var demand in demands)
        {
            if (DependsOnType(demand) && !(allows.TryCollectTypes(demand, circumstances, patterns) && denies.TryCollectTypes(demand, circumstances, patterns)))
            {
                return plain;
            }
        }

        if (patterns.Count is 0 or > MostTypes || patterns.Ranges > MostRanges)
        {
            return plain;
        }

        var (allowed, decided) = (new HashSet<string>(StringComparer.Ordinal), default(Decision));
        foreach (var type in patterns.Samples())
        {
            var one = DecideFor(type, demands, circumstances);
            if (one.Kind == DecisionKind.CannotTell)
            {
                return plain;
            }

            // The first allow, or where there is none the deny of what no rule names, which comes last.
            decided = allowed.Count > 0 ? decided : one;
            if (one.IsAllowed)
            {
                allowed.Add(type);
            }
        }

        types = patterns.Choose(allowed.Contains);
        return types is not null || allowed.Count == 0 ? decided : plain;
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
