using System.Net;
using Microsoft.Extensions.Primitives;
using Postern.Model;

namespace Postern.Identity;

/// <summary>One way of knowing who is calling. A source answers only for credentials of its own kind.</summary>
internal interface IIdentitySource : IAsyncDisposable
{
    /// <summary>What this source lacks to answer, for readiness; empty where it can.</summary>
    IEnumerable<string> Missing();

    /// <summary>Judges the credentials of one call. Completes synchronously where the credential is known already.</summary>
    ValueTask<AuthenticationResult> AuthenticateAsync(StringValues authorization, IPAddress? source, CancellationToken cancellation);
}

/// <summary>A verified token, or the refusal: exactly one is set.</summary>
internal readonly record struct AuthenticationResult(VerifiedToken? Token, Refusal? Refusal)
{
    public static implicit operator AuthenticationResult(VerifiedToken token) => new(token, null);

    public static implicit operator AuthenticationResult(Refusal refusal) => new(null, refusal);
}

/// <summary>A token that was verified, remembered under its hash. What is compiled for its caller hangs from it, so that it ends with it.</summary>
internal sealed class VerifiedToken(Caller caller, DateTimeOffset validUntil, Func<bool> keyStands)
{
    private object? _attached;

    public Caller Caller { get; } = caller;

    /// <summary>Whether it may still be used without being verified again: not expired, not too old, its key still in its issuer's set.</summary>
    public bool Stands(DateTimeOffset now) => now < validUntil && keyStands();

    /// <summary>What the pipeline keeps for this caller, or null. Read and replaced as a whole.</summary>
    public T? Attached<T>()
        where T : class => Volatile.Read(ref _attached) as T;

    public void Attach(object state) => Volatile.Write(ref _attached, state);
}
