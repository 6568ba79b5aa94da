using Postern.Model;

namespace Postern.Identity;

/// <summary>A token that was verified, remembered under its hash. What is compiled for its caller hangs from it, so that it ends with it.</summary>
internal sealed class VerifiedToken(Caller caller, DateTimeOffset validUntil, Lease key)
{
    private object? _attached;
    private string? _seenAs;

    public Caller Caller => caller;

    /// <summary>Whether it may still be used without being verified again: not expired, not too old, its key still in its issuer's set.</summary>
    public bool Stands(DateTimeOffset now) => now < validUntil && key.Holds(now);

    /// <summary>What the pipeline keeps for this caller, or null. Read and replaced as a whole.</summary>
    public T? Attached<T>()
        where T : class => Volatile.Read(ref _attached) as T;

    public void Attach(object state) => Volatile.Write(ref _attached, state);

    /// <summary>The generation that holds it, so that one found by reference is seen to be of an older one.</summary>
    public object? KeptIn { get; set; }

    /// <summary>Whether this very string object was found to be this token's text: then its hash need not be computed.</summary>
    public bool WasSeenAs(string text) => ReferenceEquals(Volatile.Read(ref _seenAs), text);

    /// <summary>
    /// Notes the string object. Only for a text whose hash is this token's. It is the one place that holds a token's text, for the few tokens in the table of
    /// recent ones and until they leave it.
    /// </summary>
    public void SeeAs(string? text) => Volatile.Write(ref _seenAs, text);
}
