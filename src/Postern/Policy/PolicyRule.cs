using System.Collections.Immutable;
using Postern.Model;
using Postern.Policy.Conditions;

namespace Postern.Policy;

/// <summary>Which demands a rule can speak of.</summary>
[Flags]
internal enum RuleScope : byte { Namespaces = 1, Cluster = 2, Both = Namespaces | Cluster }

/// <summary>One binding or one deny, as written, with its names resolved.</summary>
internal sealed record PolicyRule
{
    /// <summary>As audit, metrics and explain name it: <c>bindings[3]</c>, <c>payments.yaml:deny[0]</c>.</summary>
    public required string Id { get; init; }

    public bool IsDeny { get; init; }

    public required ImmutableArray<Who> Who { get; init; }

    /// <summary>Whom a deny spares.</summary>
    public ImmutableArray<Who> Unless { get; init; } = [];

    /// <summary>The binding's roles, or what the deny names, as written.</summary>
    public ImmutableArray<string> What { get; init; } = [];

    public required UInt128 Permissions { get; init; }

    /// <summary>As <see cref="Role.Companions"/>; of a deny none.</summary>
    public UInt128 Companions { get; init; }

    public RuleScope Scope { get; init; } = RuleScope.Namespaces;

    /// <summary>At most one condition per dimension, in the order of dimensions.</summary>
    public ImmutableArray<NameCondition> Where { get; init; } = [];

    public ImmutableArray<WhenCondition> When { get; init; } = [];

    /// <summary>The file as the operator named it, and the line; null and 0 for a rule that no file holds.</summary>
    public string? File { get; init; }

    public int Line { get; init; }

    /// <summary>Every dimension that the rule is conditioned on.</summary>
    public Dimensions ConditionedOn => Where.Aggregate(Dimensions.None, (set, c) => set | c.Dimension);

    public bool Concerns(Caller caller) =>
        Who.Any(w => w.Matches(caller)) && !Unless.Any(w => w.Matches(caller)) && When.OfType<CallerCondition>().All(c => c.Matches(caller));

    /// <summary>
    /// The rule taken apart by what its conditions mean for each permission. A permission that lacks a conditioned dimension isn't in any part, unless it is a
    /// companion: then such a condition is overlooked, unless it says where the rule holds. What comes along in a namespace comes along on no Prefect server.
    /// </summary>
    public IEnumerable<RulePart> Parts()
    {
        var whole = Permissions & PermissionDimensions.ConditionableOn(ConditionedOn);
        if (whole != 0)
        {
            yield return new RulePart(whole, Narrowing(Where), Scope);
        }

        foreach (var permission in BuiltInRoles.Each(Permissions & Companions & ~whole))
        {
            var dimensions = PermissionDimensions.Of(permission);
            if ((ConditionedOn & PermissionDimensions.Places & ~dimensions) != Dimensions.None)
            {
                continue;
            }

            yield return new RulePart(permission.Bit(), Narrowing(Where.RemoveAll(c => (c.Dimension & dimensions) == Dimensions.None)), Scope);
        }

        // Every client of Temporal asks it before anything else, and it belongs to no namespace: whoever has any binding that includes it has it.
        if ((Companions & Permissions & Permission.ClusterInfo.Bit()) != 0 && (ConditionedOn & PermissionDimensions.OfPrefect) == Dimensions.None)
        {
            yield return new RulePart(Permission.ClusterInfo.Bit(), [], RuleScope.Both);
        }
    }

    // Any name will do: nothing to ask on a call, except whether there is a namespace, or a Prefect server, at all.
    private static ImmutableArray<NameCondition> Narrowing(ImmutableArray<NameCondition> where) =>
        where.RemoveAll(c => c.IsAny && (c.Dimension & PermissionDimensions.Places) == Dimensions.None);

    public override string ToString() => Id;
}

/// <summary>The permissions of a rule that share conditions.</summary>
internal sealed record RulePart(UInt128 Permissions, ImmutableArray<NameCondition> Where, RuleScope Scope);
