using Postern.Model;

namespace Postern.Identity;

/// <summary>One way of knowing who is calling. A source answers only for credentials of its own kind.</summary>
internal interface IIdentitySource : IAsyncDisposable
{
    /// <summary>Completes when the source has what it needs to answer, or couldn't get it at once.</summary>
    Task FirstFetch { get; }

    /// <summary>What this source lacks to answer, for readiness; empty where it can.</summary>
    IEnumerable<string> Missing();

    /// <summary>Whether a credential is this source's own, by its looks alone. No two sources take the same one.</summary>
    bool Takes(Credential credential);

    /// <summary>Judges a credential of its own.</summary>
    ValueTask<AuthenticationResult> VerifyAsync(Credential credential, CancellationToken cancellation);

    /// <summary>Ends this source but for what its successor (or its predecessor, where a reload came to nothing) shares with it.</summary>
    ValueTask RetireAsync(IIdentitySource? other);
}

/// <summary>A verified token, or the refusal: exactly one is set.</summary>
/// <param name="Token">The token.</param>
/// <param name="Refusal">Why there is none.</param>
internal readonly record struct AuthenticationResult(VerifiedToken? Token, Refusal? Refusal)
{
    /// <summary>Whether the refusal counts among the failed attempts of its source address. What is our own trouble doesn't.</summary>
    public bool Counts { get; init; } = Refusal?.Reason == RefusalReason.Unauthenticated;

    public static implicit operator AuthenticationResult(VerifiedToken token) => new(token, null);

    public static implicit operator AuthenticationResult(Refusal refusal) => new(null, refusal);
}
