using System.Net;
using Microsoft.Extensions.Primitives;
using Postern.Identity.Certificates;
using Postern.Identity.Introspection;
using Postern.Model;

namespace Postern.Identity;

/// <summary>
/// Everything that knows who is calling, as one. A call may present one credential; by its shape it goes to the one source that is its own, so that no secret is
/// ever tried on a source that it wasn't made for. What was verified is remembered here, for all of them.
/// </summary>
internal sealed class IdentitySources : IAsyncDisposable
{
    private const int RememberedTokens = 20_000;
    private static readonly TimeSpan SweepEvery = TimeSpan.FromMinutes(1);

    private readonly IReadOnlyList<IIdentitySource> _sources;
    private readonly ClientCertificateIdentitySource? _certificates;
    private readonly VerifiedTokens _verified = new(RememberedTokens);
    private readonly FailedAttempts _failed;
    private readonly TimeProvider _time;
    private readonly ITimer _sweep;

    /// <param name="sources">In the order in which they are asked whether a credential is theirs.</param>
    /// <param name="before">What this one is to follow; counts of failed attempts go on.</param>
    /// <param name="time">The clock.</param>
    public IdentitySources(IReadOnlyList<IIdentitySource> sources, IdentitySources? before, TimeProvider time)
    {
        _sources = sources;
        _certificates = Source<ClientCertificateIdentitySource>();
        _time = time;
        _failed = before?._failed ?? new FailedAttempts(time);
        _sweep = time.CreateTimer(static state => ((IdentitySources)state!).Sweep(), this, SweepEvery, SweepEvery);
    }

    /// <summary>Completes when every source has what it needs, or couldn't get it at once.</summary>
    public Task FirstFetch => Task.WhenAll(_sources.Select(source => source.FirstFetch));

    /// <summary>Credentials remembered, for metrics.</summary>
    public int Remembered => _verified.Count;

    /// <summary>Whether a connection's certificate can be a credential here.</summary>
    public bool TakesCertificates => _certificates is not null;

    /// <summary>Whether a connection's certificate is a credential here, good or bad: some entry takes it.</summary>
    public bool IsCredential(PresentedCertificate? certificate) => certificate is not null && _certificates?.Look(certificate) is { Entry: not null };

    /// <summary>The source of a kind; null where none is configured.</summary>
    public T? Source<T>()
        where T : class, IIdentitySource => _sources.OfType<T>().FirstOrDefault();

    /// <summary>What the sources lack to answer, for readiness.</summary>
    public IEnumerable<string> Missing() => _sources.SelectMany(source => source.Missing());

    /// <summary>What doesn't keep the gate from serving others and should be seen all the same.</summary>
    public IEnumerable<string> Notes() => Source<IntrospectionIdentitySource>()?.Notes() ?? [];

    /// <summary>Whether an address has failed too often lately for anything of it to be verified.</summary>
    public bool IsExhausted(IPAddress? source) => _failed.IsExhausted(source);

    /// <summary>Counts a failed attempt that was made elsewhere than in a call.</summary>
    public void NoteFailure(IPAddress? source) => _failed.Add(source);

    /// <summary>
    /// Judges the credentials of one call on a connection that may have proved a certificate. A certificate that some entry takes is the call's credential, and then
    /// its only one; any other is part of the transport. Here alone a token is taken that is bound to a task: whether the call answers that task is the pipeline's to tell.
    /// </summary>
    public ValueTask<AuthenticationResult> AuthenticateAsync(StringValues authorization, PresentedCertificate? certificate, IPAddress? source, CancellationToken cancellation)
    {
        if (certificate is null || _certificates is null || _certificates.Look(certificate) is not { Entry: not null } known)
        {
            return JudgeAsync(authorization, source, cancellation);
        }

        if (authorization.Count > 0)
        {
            return new(Counted(source, Unauthenticated("Send one credential: the connection's certificate is one, and there is an authorization value beside it.", "certificate and authorization")));
        }

        return known.Token is { } token && token.Stands(_time.GetUtcNow()) ? new(token) : VerifyAsync(certificate, source, cancellation);
    }

    /// <summary>Judges a credential that is shown elsewhere than in a call of an engine: there a token that is bound to a task opens nothing.</summary>
    public ValueTask<AuthenticationResult> AuthenticateAsync(StringValues authorization, IPAddress? source, CancellationToken cancellation)
    {
        var judged = JudgeAsync(authorization, source, cancellation);
        return judged.IsCompletedSuccessfully ? new(Unbound(judged.Result)) : AwaitAsync(judged);

        static async ValueTask<AuthenticationResult> AwaitAsync(ValueTask<AuthenticationResult> judged) => Unbound(await judged);
    }

    private static AuthenticationResult Unbound(AuthenticationResult result) =>
        result.Token is { Caller.Task: not null } ? Unauthenticated("The token is bound to a task, and good for its answers only.", "bound to a task") : result;

    // Completes synchronously, and allocates nothing, where the credential is known already.
    private ValueTask<AuthenticationResult> JudgeAsync(StringValues authorization, IPAddress? source, CancellationToken cancellation)
    {
        if (authorization.Count != 1 || authorization[0] is not { Length: > 0 } text)
        {
            return new(authorization.Count == 0
                ? Unauthenticated("No credential: send an access token as 'authorization: Bearer …'.", "none")
                : Counted(source, Unauthenticated("Send exactly one authorization value, 'Bearer …'.", "several authorization values, or an empty one")));
        }

        var now = _time.GetUtcNow();
        if (_verified.Find(text, now) is not { } known)
        {
            return VerifyAsync(text, source, cancellation);
        }

        if (!known.MayComeFrom(source))
        {
            return new(Counted(source, WrongPlace()));
        }

        known.Use?.Note(now, source);
        return new(known);
    }

    /// <summary>Ends these sources but for what <paramref name="other"/> shares: the old ones once the new serve, or the new where a reload came to nothing.</summary>
    public async ValueTask RetireAsync(IdentitySources other)
    {
        await _sweep.DisposeAsync();
        foreach (var source in _sources)
        {
            await source.RetireAsync(other._sources.FirstOrDefault(candidate => candidate.GetType() == source.GetType()));
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _sweep.DisposeAsync();
        foreach (var source in _sources)
        {
            await source.DisposeAsync();
        }
    }

    private void Sweep() => _verified.Sweep(_time.GetUtcNow());

    private async ValueTask<AuthenticationResult> VerifyAsync(string text, IPAddress? from, CancellationToken cancellation)
    {
        if (_failed.IsExhausted(from))
        {
            return TooMany(from);
        }

        if (Credential.Read(text, from) is not { } credential)
        {
            return Counted(from, Unauthenticated("The credential is not a bearer token that can be read.", "malformed"));
        }

        if (SourceOf(credential) is not { } source)
        {
            return Counted(from, credential.Shape == CredentialShape.Jwt
                ? Unauthenticated("The token's issuer is none that this gate trusts.", "iss")
                : Unauthenticated("The credential is of a kind that this gate doesn't accept.", $"no source for {credential.Shape}"));
        }

        var result = await source.VerifyAsync(credential, cancellation);
        if (result.Token is not { } token)
        {
            if (result.Counts)
            {
                _failed.Add(from);
            }

            return result;
        }

        var now = _time.GetUtcNow();
        if (token.Stands(now))
        {
            _verified.Add(text, token);
        }

        if (!token.MayComeFrom(from))
        {
            return Counted(from, WrongPlace());
        }

        token.Use?.Note(now, from);
        return result;
    }

    private async ValueTask<AuthenticationResult> VerifyAsync(PresentedCertificate certificate, IPAddress? from, CancellationToken cancellation)
    {
        if (_failed.IsExhausted(from))
        {
            return TooMany(from);
        }

        var result = await _certificates!.VerifyAsync(Credential.Of(certificate, from), cancellation);
        if (result.Counts)
        {
            _failed.Add(from);
        }

        return result;
    }

    private IIdentitySource? SourceOf(Credential credential)
    {
        foreach (var source in _sources)
        {
            if (source.Takes(credential))
            {
                return source;
            }
        }

        return null;
    }

    private AuthenticationResult Counted(IPAddress? from, Refusal refusal)
    {
        _failed.Add(from);
        return refusal;
    }

    private static Refusal TooMany(IPAddress? from) =>
        new(RefusalReason.Limited, "Too many failed authentications from this address.", $"source {from}") { RetryAfter = TimeSpan.FromSeconds(10) };

    private static Refusal WrongPlace() => Unauthenticated("The credential may not come from this address.", "source address");

    private static Refusal Unauthenticated(string text, string detail) => new(RefusalReason.Unauthenticated, "Request unauthenticated. " + text, detail);
}
