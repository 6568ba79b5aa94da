using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Runtime.InteropServices;
using Postern.Model;

namespace Postern.Policy;

/// <summary>One version of the policy, immutable, ready to be compiled for each caller. A reload makes a new one and swaps the reference.</summary>
internal sealed class PolicySet
{
    // Beyond this many different sets of rules, callers are compiled without being remembered.
    private const int MostKept = 4096;

    private readonly ImmutableArray<CompiledRule> _rules;
    private readonly WhoIndex _who;
    private readonly ImmutableArray<AcceptedCredentials> _accepted;
    private readonly ConcurrentDictionary<RuleChoice, (CompiledRules Allows, CompiledRules Denies)> _kept = new();

    public PolicySet(PolicyDocument document, ImmutableArray<AcceptedCredentials> accepted = default)
    {
        Document = document;
        _accepted = accepted.IsDefault ? [] : accepted;
        _rules = [.. document.Denies.Concat(document.Bindings).Select(r => new CompiledRule(r))];
        _who = new WhoIndex(_rules);
    }

    /// <summary>A policy without rules: it denies everything.</summary>
    public static PolicySet Empty { get; } = new(new PolicyDocument());

    /// <summary>Names these rules in every audit record.</summary>
    public string Version => Document.Version;

    public PolicyDocument Document { get; }

    /// <summary>The same policy where namespaces take only some kinds of credentials.</summary>
    public PolicySet Taking(ImmutableArray<AcceptedCredentials> accepted) => accepted.IsEmpty ? this : new PolicySet(Document, accepted);

    /// <summary>
    /// Compiles the policy for one verified caller. To be done once per caller and kept with it; callers whom the same rules concern share what is compiled.
    /// </summary>
    public CallerPolicy For(Caller caller)
    {
        var choice = new RuleChoice([.. _who.Candidates(caller).Where(i => Narrowing.Admits(caller, _rules[i].Rule) && _rules[i].Rule.Concerns(caller))]);
        if (!_kept.TryGetValue(choice, out var compiled))
        {
            var rules = choice.Rules.Select(i => _rules[i]).ToLookup(r => r.Rule.IsDeny);
            compiled = (new CompiledRules([.. rules[false]]), new CompiledRules([.. rules[true]]));
            compiled = _kept.Count < MostKept ? _kept.GetOrAdd(choice, compiled) : compiled;
        }

        return new CallerPolicy(Version, caller, compiled.Allows, compiled.Denies, Narrowing.Of(caller, _accepted));
    }

    private readonly struct RuleChoice(int[] rules) : IEquatable<RuleChoice>
    {
        private readonly int _hash = Hash(rules);

        public int[] Rules => rules;

        public bool Equals(RuleChoice other) => _hash == other._hash && rules.AsSpan().SequenceEqual(other.Rules);

        public override bool Equals(object? obj) => obj is RuleChoice other && Equals(other);

        public override int GetHashCode() => _hash;

        private static int Hash(int[] rules)
        {
            var hash = default(HashCode);
            hash.AddBytes(MemoryMarshal.AsBytes(rules.AsSpan()));
            return hash.ToHashCode();
        }
    }
}
