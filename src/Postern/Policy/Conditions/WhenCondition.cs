using Postern.Model;

namespace Postern.Policy.Conditions;

/// <summary>One key of a <c>when</c>. Two conditions with the same text test alike.</summary>
internal abstract class WhenCondition
{
    /// <summary>Key and values in canonical form: <c>hours: 08:00-18:00 Europe/Berlin</c>.</summary>
    public abstract string Text { get; }

    public override string ToString() => Text;
}

/// <summary>A condition on the caller alone: settled once when the policy is compiled for a caller, free on every call.</summary>
internal abstract class CallerCondition : WhenCondition
{
    public abstract bool Matches(Caller caller);
}

/// <summary>A condition on what is neither caller nor message: asked on every call, so it must not allocate.</summary>
internal abstract class CircumstanceCondition : WhenCondition
{
    public abstract Truth Test(in Circumstances circumstances);
}
