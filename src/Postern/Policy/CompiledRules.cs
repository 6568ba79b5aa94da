using System.Collections.Immutable;
using Postern.Model;
using Postern.Policy.Conditions;

namespace Postern.Policy;

/// <summary>A rule with what doesn't depend on the caller worked out.</summary>
internal sealed record CompiledRule(PolicyRule Rule)
{
    public ImmutableArray<RulePart> Parts { get; } = [.. Rule.Parts()];

    public ImmutableArray<CircumstanceCondition> When { get; } = [.. Rule.When.OfType<CircumstanceCondition>()];
}

/// <summary>The bindings, or the denies, that concern one caller, indexed as demands come to need it.</summary>
internal sealed class CompiledRules(ImmutableArray<CompiledRule> rules)
{
    private readonly Dimensions _conditioned = rules.Aggregate(Dimensions.None, (set, r) => set | r.Rule.ConditionedOn);
    private Variant[] _variants = [];

    /// <summary>
    /// The index for demands of one scope, built as if no rule were conditioned on the <paramref name="overlooked"/> dimensions. Built on first use and kept:
    /// only few sets of dimensions are ever unknown or waived.
    /// </summary>
    public RuleIndex For(bool cluster, Dimensions overlooked)
    {
        var key = (uint)(overlooked & _conditioned) | (cluster ? 1u << 31 : 0);
        foreach (ref readonly var variant in Volatile.Read(ref _variants).AsSpan())
        {
            if (variant.Key == key)
            {
                return variant.Index;
            }
        }

        return Keep(key, Build(cluster ? RuleScope.Cluster : RuleScope.Namespaces, overlooked));
    }

    /// <summary>
    /// Collects the workflow types on which rules that may speak of the demand are conditioned. False where one of them is conditioned on what is neither a
    /// name nor a beginning of names, which no query can say.
    /// </summary>
    public bool TryCollectTypes(in Demand demand, in Circumstances circumstances, TypePatterns types)
    {
        var scope = demand.ClusterScope ? RuleScope.Cluster : RuleScope.Namespaces;
        foreach (var rule in rules)
        {
            foreach (var part in rule.Parts)
            {
                if ((part.Scope & scope) == default || (part.Permissions & demand.Permission.Bit()) == 0 || !MaySpeak(rule, part, demand, circumstances))
                {
                    continue;
                }

                foreach (var pattern in part.Where.FirstOrDefault(c => c.Dimension == Dimensions.WorkflowType)?.Patterns ?? [])
                {
                    if (!types.TryAdd(pattern))
                    {
                        return false;
                    }
                }
            }
        }

        return true;
    }

    /// <summary>What the rules say of the demand's permission on its Prefect server, as terms over the other names.</summary>
    public ImmutableArray<ConditionedTerm> TermsAt(in Demand demand)
    {
        var terms = ImmutableArray.CreateBuilder<ConditionedTerm>();
        foreach (var rule in rules)
        {
            foreach (var part in rule.Parts)
            {
                if ((part.Scope & RuleScope.Namespaces) != default && (part.Permissions & demand.Permission.Bit()) != 0 && TermAt(part, demand) is { } term)
                {
                    terms.Add(new ConditionedTerm(term, rule.When));
                }
            }
        }

        return terms.ToImmutable();
    }

    // Null where it speaks of another server, or of another engine.
    private static ReachTerm? TermAt(RulePart part, in Demand demand)
    {
        foreach (var condition in part.Where)
        {
            var isOther = (condition.Dimension & PermissionDimensions.OfPrefect) == Dimensions.None;
            if (isOther || (condition.Dimension == Dimensions.Server && !condition.Matches(demand)))
            {
                return null;
            }
        }

        return new ReachTerm([.. part.Where.Where(c => c.Dimension != Dimensions.Server).Select(c => new ReachCondition(c.Dimension, c.Patterns))]);
    }

    // All that is certain about the demand but its type.
    private static bool MaySpeak(CompiledRule rule, RulePart part, in Demand demand, in Circumstances circumstances)
    {
        foreach (var condition in part.Where)
        {
            if (condition.Dimension != Dimensions.WorkflowType && ((demand.Unknown | demand.Waived) & condition.Dimension) == Dimensions.None && !condition.Matches(demand))
            {
                return false;
            }
        }

        foreach (var condition in rule.When)
        {
            if (condition.Test(circumstances) == Truth.No)
            {
                return false;
            }
        }

        return true;
    }

    private RuleIndex Build(RuleScope scope, Dimensions overlooked)
    {
        var builder = new RuleIndexBuilder();
        foreach (var rule in rules)
        {
            foreach (var part in rule.Parts)
            {
                if ((part.Scope & scope) != default)
                {
                    builder.Add(rule.Rule, part.Permissions, part.Where.RemoveAll(c => (c.Dimension & overlooked) != Dimensions.None), rule.When);
                }
            }
        }

        return builder.Build();
    }

    // Two calls may build the same one at once; either is right, the first to arrive stays.
    private RuleIndex Keep(uint key, RuleIndex index)
    {
        while (true)
        {
            var known = Volatile.Read(ref _variants);
            foreach (var variant in known)
            {
                if (variant.Key == key)
                {
                    return variant.Index;
                }
            }

            if (Interlocked.CompareExchange(ref _variants, [.. known, new Variant(key, index)], known) == known)
            {
                return index;
            }
        }
    }

    private readonly record struct Variant(uint Key, RuleIndex Index);
}
