namespace Postern.Model;

/// <summary>The outcome of asking the policy. The default value denies.</summary>
internal enum DecisionKind : byte { Deny = 0, Allow, CannotTell }

/// <summary>What the policy said of one demand, with the rule that decided.</summary>
/// <param name="Kind">Allow, deny or can't tell.</param>
/// <param name="Rule">The rule's id as written in explain, audit and metrics: <c>bindings[3]</c>, <c>deny[0]</c>, or <c>none</c>.</param>
/// <param name="Reason">One clause for the caller: "no binding allows it". Names no rule, no other caller.</param>
internal readonly record struct Decision(DecisionKind Kind, string Rule, string Reason)
{
    public bool IsAllowed => Kind == DecisionKind.Allow;
}
