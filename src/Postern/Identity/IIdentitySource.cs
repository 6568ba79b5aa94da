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
