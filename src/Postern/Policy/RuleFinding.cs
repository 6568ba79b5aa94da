using System.Collections.Immutable;
using Postern.Model;
using Postern.Policy.Conditions;

namespace Postern.Policy;

/// <summary>Which part of a rule kept it from matching.</summary>
internal enum Obstacle : byte
{
    /// <summary>It names others.</summary>
    Who,
    /// <summary>It spares this caller.</summary>
    Unless,
    /// <summary>A condition on the caller or the circumstances.</summary>
    When,
    /// <summary>It speaks of other permissions.</summary>
    Permission,
    /// <summary>It speaks of namespaces where the demand is for the cluster, or the other way round.</summary>
    Scope,
    /// <summary>It is conditioned on something that the permission doesn't have.</summary>
    Dimension,
    /// <summary>A name in the demand.</summary>
    Name,
}

/// <summary>One reason why a rule doesn't match, or doesn't for certain.</summary>
/// <param name="Kind">The part of the rule.</param>
/// <param name="Truth">No, or unknown where a fact is missing.</param>
/// <param name="Text">A clause for people.</param>
internal sealed record RuleObstacle(Obstacle Kind, Truth Truth, string Text)
{
    /// <summary>The dimension, for <see cref="Obstacle.Dimension"/> and <see cref="Obstacle.Name"/>.</summary>
    public Dimensions Dimension { get; init; }

    /// <summary>The condition, for <see cref="Obstacle.When"/>.</summary>
    public WhenCondition? Condition { get; init; }
}

/// <summary>Everything that stands between one rule and one demand: all of it, where a decision stops at the first. Asks the same conditions.</summary>
internal sealed record RuleFinding(PolicyRule Rule, ImmutableArray<RuleObstacle> Obstacles)
{
    public Truth Truth => Obstacles.IsEmpty ? Truth.Yes : Obstacles.Min(o => o.Truth);

    public static RuleFinding Of(PolicyRule rule, Caller caller, in Demand demand, in Circumstances circumstances)
    {
        var obstacles = ImmutableArray.CreateBuilder<RuleObstacle>();
        if (!rule.Who.Any(w => w.Matches(caller)))
        {
            obstacles.Add(new(Obstacle.Who, Truth.No, $"it names {Some(rule.Who)}, not this caller"));
        }

        if (rule.Unless.FirstOrDefault(w => w.Matches(caller)) is { } spared)
        {
            obstacles.Add(new(Obstacle.Unless, Truth.No, $"it spares {spared}"));
        }

        foreach (var condition in rule.When)
        {
            var truth = condition switch
            {
                CallerCondition c => c.Matches(caller) ? Truth.Yes : Truth.No,
                CircumstanceCondition c => c.Test(circumstances),
                _ => Truth.No,
            };
            if (truth != Truth.Yes)
            {
                obstacles.Add(new(Obstacle.When, truth, $"{condition} {(truth == Truth.No ? "isn't met" : "can't be told: the fact isn't known")}") { Condition = condition });
            }
        }

        AddWhere(rule, demand, obstacles);
        return new RuleFinding(rule, obstacles.ToImmutable());
    }

    private static void AddWhere(PolicyRule rule, in Demand demand, ImmutableArray<RuleObstacle>.Builder obstacles)
    {
        var permission = demand.Permission;
        if ((rule.Permissions & permission.Bit()) == 0)
        {
            obstacles.Add(new(Obstacle.Permission, Truth.No, $"{Some(rule.What)} {(rule.IsDeny ? "doesn't name" : "doesn't include")} {permission.Name()}"));
        }

        var scope = demand.ClusterScope ? RuleScope.Cluster : RuleScope.Namespaces;
        var parts = rule.Parts().Where(p => (p.Permissions & permission.Bit()) != 0).ToArray();
        var inScope = parts.FirstOrDefault(p => (p.Scope & scope) != default);
        if ((inScope?.Scope ?? rule.Scope & scope) == default)
        {
            obstacles.Add(new(Obstacle.Scope, Truth.No, demand.ClusterScope
                ? $"it speaks of {((rule.ConditionedOn & PermissionDimensions.OfPrefect) == Dimensions.None ? "namespaces" : "Prefect servers")}; this takes scope: cluster"
                : $"it speaks of the cluster, not of {(demand.Prefect is null ? "namespaces" : "Prefect servers")}"));
        }

        if (parts.Length == 0)
        {
            foreach (var dimension in (rule.ConditionedOn & ~PermissionDimensions.Of(permission)).Each())
            {
                obstacles.Add(new(Obstacle.Dimension, Truth.No, $"it is conditioned on {dimension.Words()}, which {permission.Name()} doesn't have") { Dimension = dimension });
            }
        }

        // A rule without the permission is still compared name by name, for what one would have to change.
        foreach (var condition in inScope?.Where ?? [.. rule.Where.Where(c => (c.Dimension & PermissionDimensions.Of(permission)) != Dimensions.None)])
        {
            if (Test(rule, condition, demand) is { } obstacle)
            {
                obstacles.Add(obstacle);
            }
        }
    }

    private static RuleObstacle? Test(PolicyRule rule, NameCondition condition, in Demand demand)
    {
        var dimension = condition.Dimension;
        if (condition.Matches(demand) || (condition.IsAny && (dimension & PermissionDimensions.Places) == Dimensions.None))
        {
            return null;
        }

        if (demand.ShownIn(dimension) is { } name)
        {
            return new(Obstacle.Name, Truth.No, $"{condition} doesn't match {name}") { Dimension = dimension };
        }

        var waived = (demand.Waived & dimension) != Dimensions.None;
        if (waived && !rule.IsDeny)
        {
            return null;
        }

        return (demand.Unknown & dimension) != Dimensions.None
            ? new(Obstacle.Name, Truth.Unknown, $"{condition} can't be told: the call doesn't name {dimension.Words()}") { Dimension = dimension }
            : new(Obstacle.Name, Truth.No, waived ? $"{condition} spoke when the task was handed out" : $"{condition} doesn't match: the call has no such name") { Dimension = dimension };
    }

    private static string Some<T>(ImmutableArray<T> items) => string.Join(", ", items.Take(4)) + (items.Length > 4 ? $" and {items.Length - 4} more" : "");
}
