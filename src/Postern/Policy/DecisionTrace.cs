namespace Postern.Policy;

/// <summary>Listens while a decision is made. A struct as type argument, so that a decision without a listener costs nothing for it.</summary>
internal interface IDecisionTrace
{
    /// <summary>An entry that the index offered was tested.</summary>
    void Tested(RuleEntry entry, Truth truth);
}

/// <summary>Nobody listens: the way every call takes.</summary>
internal readonly struct NoTrace : IDecisionTrace
{
    public void Tested(RuleEntry entry, Truth truth)
    {
    }
}
