using Postern.Model;

namespace Postern.Identity;

/// <summary>A token that was verified, remembered under its hash. What is compiled for its caller hangs from it, so that it ends with it.</summary>
internal sealed class VerifiedToken(Caller caller, DateTimeOffset validUntil, Lease key)
{
    private object? _attached;

    public Caller Caller => caller;

    /// <summary>Whether it may still be used without being verified again: not expired, not too old, its key still in its issuer's set.</summary>
    public bool Stands(DateTimeOffset now) => now < validUntil && key.Holds(now);

    /// <summary>What the pipeline keeps for this caller, or null. Read and replaced as a whole.</summary>
    public T? Attached<T>()
        where T : class => Volatile.Read(ref _attached) as T;

    public void Attach(object state) => Volatile.Write(ref _attached, state);

    /// <summary>The generation that holds it, so that one found by reference is seen to be of an older one.</summary>
    public object? KeptIn { get; set; }
}
