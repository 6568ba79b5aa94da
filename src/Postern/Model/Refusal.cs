namespace Postern.Model;

/// <summary>Why a call was refused: a closed list, used by response, metric, audit and docs alike (docs/refusals.md).</summary>
internal enum RefusalReason : byte
{
    Unauthenticated, NotAllowed, UnknownOperation, Unreadable, TooLarge, Limited, CannotTell, UpstreamUnreachable, UpstreamTimeout, Draining, Bug,
}

/// <summary>A refusal is a value with two texts. The caller's text gets the call's id appended where it is rendered.</summary>
/// <param name="Reason">The reason from the closed list.</param>
/// <param name="Text">Safe for the caller; holds no secret and nothing of others.</param>
/// <param name="Detail">For the log and the audit record; holds no secret either.</param>
internal sealed record Refusal(RefusalReason Reason, string Text, string? Detail = null)
{
    /// <summary>How long a limited caller should wait; null where the reason is not <see cref="RefusalReason.Limited"/>.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>True where a limited caller has too much open at once, false where it came too often. Says nothing of other reasons.</summary>
    public bool IsOfOpen { get; init; }

    /// <summary>
    /// A namespace that the caller may not see: the refusal then is, to the last byte, the engine's own answer for one that isn't there, without the text above and without an id.
    /// Null for every other refusal.
    /// </summary>
    public string? HiddenNamespace { get; init; }

    /// <summary>
    /// Which kind of command inside a worker's answer was refused, as its demand says; 0 where it was the call itself. What a workflow commands is to the engine an
    /// argument of its worker's call: the status says so, the reason stays what it is.
    /// </summary>
    public byte Command { get; init; }
}
