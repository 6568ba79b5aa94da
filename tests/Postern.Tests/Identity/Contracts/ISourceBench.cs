using Microsoft.Extensions.Primitives;
using Postern.Identity;
using Postern.Identity.Certificates;

namespace Postern.Tests.Identity.Contracts;

/// <summary>What one call presents.</summary>
internal readonly record struct Presented(StringValues Authorization, PresentedCertificate? Certificate = null)
{
    public static Presented Bearer(string token) => new("Bearer " + token);
}

/// <summary>One source in a bench, as the contract sees it: how to get credentials from it, and how to do to it what happens to sources.</summary>
internal interface ISourceBench : IAsyncDisposable
{
    IdentitySources Sources { get; }

    /// <summary>A credential that is good: a new one each time.</summary>
    Presented Good();

    /// <summary>Credentials of the source's own shape that are bad in the way of the case; the case is named after them in a failure.</summary>
    IEnumerable<(string Name, Presented Credential)> Bad(ContractCase which);

    /// <summary>Takes what a good credential rests on away, here, in the gate.</summary>
    void Revoke(Presented credential);

    /// <summary>Lets whatever the source asks go away, before it was ever heard of the credential that is returned.</summary>
    Task<Presented> AwayAsync();

    /// <summary>It comes back.</summary>
    Task ReturnAsync();

    /// <summary>Lets whatever the source asks take its time from now on; null where it asks nobody. Returns a credential that it has to ask about.</summary>
    Slow? Slow();
}

/// <summary>A source that waits for an answer.</summary>
/// <param name="Credential">What it has to ask about.</param>
/// <param name="IsAsked">Whether the question has arrived.</param>
/// <param name="ReleaseAsync">Lets the answer go.</param>
internal sealed record Slow(Presented Credential, Func<bool> IsAsked, Func<Task> ReleaseAsync);

/// <summary>How a credential can be bad.</summary>
internal enum ContractCase
{
    Malformed,
    Expired,
    NotYetValid,
    WrongAudience,
    Huge,
    OtherTenants,
}
