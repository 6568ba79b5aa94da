using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Primitives;
using Postern.Identity.Accounts;
using Postern.Model;
using Postern.Telemetry;

namespace Postern.Identity.Session;

/// <summary>What a request's cookie came to: a caller, a refusal, or nothing where there is no cookie and other credentials are judged.</summary>
/// <param name="Session">The session.</param>
/// <param name="Token">Whom it speaks for.</param>
/// <param name="Refusal">Why it counts for nothing.</param>
/// <param name="Renewed">The <c>Set-Cookie</c> with which the answer hands out the cookie that takes this one's place; null where it stays.</param>
internal readonly record struct SessionFinding(BrowserSession? Session, VerifiedToken? Token, Refusal? Refusal, string? Renewed)
{
    public bool IsNone => Token is null && Refusal is null;

    public static implicit operator SessionFinding(Refusal refusal) => new(null, null, refusal, null);
}

/// <summary>
/// Sessions of browsers: who is calling, by the cookie. A cookie is good for one origin. It is replaced now and then; the one before stays good for a little after its successor
/// was first seen, since a page's requests race. One that is older was copied, and ends the session.
/// </summary>
/// <param name="directory">The sessions, in memory.</param>
/// <param name="hash">Keyed with what all gates of a cluster share.</param>
/// <param name="options">What they may last.</param>
/// <param name="store">Where they are kept.</param>
/// <param name="seen">Waits until what was written holds in this gate.</param>
/// <param name="revocations">What was revoked.</param>
/// <param name="restore">Whom a session speaks for now, refused where its login wouldn't succeed.</param>
/// <param name="time">The clock.</param>
/// <param name="logger">The log.</param>
internal sealed partial class BrowserSessions(
    SessionDirectory directory, SecretHash hash, SessionsOptions options, IStore store, Func<StoreRevision, CancellationToken, Task> seen, Revocations revocations,
    Func<BrowserSession, AuthenticationResult> restore, TimeProvider time, ILogger logger)
{
    public const string IdPrefix = "ses_";

    private static readonly TimeSpan s_grace = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan s_retryAfter = TimeSpan.FromSeconds(10);

    private readonly ChainedSecrets _texts = new(hash, "", IdPrefix, "session");

    // How much of an idle session's life may pass before its use is written down.
    private readonly TimeSpan _noteAfter = options.Idle / 16;

    /// <summary>Judges the cookie of one request. Completes synchronously where the session is known, which it nearly always is.</summary>
    /// <param name="origin">Where it was sent to.</param>
    /// <param name="method">Its method.</param>
    /// <param name="isUpgrade">Whether it opens a WebSocket.</param>
    /// <param name="headers">Its headers.</param>
    /// <param name="cancellation">Ends the wait for the store.</param>
    public ValueTask<SessionFinding> FindAsync(string origin, string method, bool isUpgrade, IHeaderDictionary headers, CancellationToken cancellation)
    {
        var cookie = headers.Cookie;
        if (cookie.Count == 0)
        {
            return default;
        }

        if (!SessionCookies.TryRead(cookie, origin, out var text))
        {
            return new(Ended(origin, "The browser sent the session's cookie in a way that can't be trusted.", "several session cookies, or too many of all"));
        }

        if (text is null)
        {
            return default;
        }

        // Prefect's UI may still hold a password of old: it is nobody's credential here, and nothing reads it.
        if (!IsNoneOrBasic(headers.Authorization))
        {
            return new(new Refusal(RefusalReason.Unauthenticated, "Request unauthenticated. Send one credential: there is a session's cookie and an authorization value beside it.", "cookie and authorization"));
        }

        if (SameOrigin.Problem(method, isUpgrade, origin, headers) is { } problem)
        {
            return new(new Refusal(RefusalReason.NotAllowed, "Request unauthorized. It was sent with your session, but not by this server's own pages.", problem));
        }

        if (_texts.IdOf(text) is not { } id || directory.HasEnded(id))
        {
            return new(Ended(origin));
        }

        return directory.Find(id) is { } known && Judge(known, origin, text) is { } finding ? new(finding) : LookUpAsync(id, origin, text, cancellation);
    }

    /// <summary>Begins a session for who has just logged in, and answers with its cookie. Nothing that the browser brought along becomes part of it.</summary>
    public async Task<string> BeginAsync(NewSession from, CancellationToken cancellation)
    {
        var (now, id) = (time.GetUtcNow(), ChainedSecrets.NewId(IdPrefix));
        var text = _texts.First(id);
        var session = new BrowserSession
        {
            Id = id, Origin = from.Origin, CallerName = from.CallerName, Caller = from.Caller, Issuer = from.Issuer, ProviderSubject = from.ProviderSubject, ProviderSession = from.ProviderSession,
            CurrentHash = _texts.Hash(text), CurrentSeenAt = now, CreatedAt = now, LastSeenAt = now, ExpiresAt = now + options.Absolute,
        };
        if (await store.CreateAsync(session, cancellation) is not WriteResult.Done done)
        {
            throw new StoreUnavailableException("the session couldn't be written");
        }

        await seen(done.Revision, cancellation);
        Log.Begun(logger, id, from.CallerName, from.Origin);
        return SessionCookies.Write(from.Origin, text);
    }

    /// <summary>Ends sessions, on every gate; here at once.</summary>
    public async Task EndAsync(IReadOnlyCollection<string> ids, string why, CancellationToken cancellation)
    {
        if (ids.Count == 0)
        {
            return;
        }

        if (await store.EndSessionsAsync(ids, cancellation) is { } revision)
        {
            await seen(revision, cancellation);
        }

        foreach (var id in ids)
        {
            Log.Ended(logger, id, why);
        }
    }

    /// <summary>Ends what an issuer wants ended: the sessions of its own session, or all of a person.</summary>
    public Task EndOfIssuerAsync(string issuer, string? subject, string? session, CancellationToken cancellation) =>
        EndAsync([.. directory.Of(issuer, subject, session).Select(known => known.Session.Id)], "its issuer ended it", cancellation);

    /// <summary>What a person is told whose session is over.</summary>
    public static Refusal Ended(string origin, string? text = null, string? detail = null) =>
        new(RefusalReason.Unauthenticated, $"{text ?? "Your session has ended."} Sign in again at {origin}/.postern/login", detail ?? "no such session");

    // A session or a cookie that this gate may only not have heard of: another one has just begun or rotated it.
    private async ValueTask<SessionFinding> LookUpAsync(string id, string origin, string text, CancellationToken cancellation)
    {
        try
        {
            return directory.Learn(id, await store.BrowserSessionAsync(id, cancellation)) is { } known ? Judge(known, origin, text) ?? Copied(known, origin) : Ended(origin);
        }
        catch (StoreUnavailableException e)
        {
            return new Refusal(RefusalReason.CannotTell, "Sessions can't be looked up at the moment.", e.Message);
        }
    }

    // Null: the cookie is one of the session's, but neither of those that this gate knows to be good.
    private SessionFinding? Judge(KnownSession known, string origin, string text)
    {
        var (session, now) = (known.Session, time.GetUtcNow());
        if (session.Origin != origin || session.ExpiresAt <= now || now - known.LastSeen >= options.Idle)
        {
            return Ended(origin, null, session.Origin != origin ? "a session of another origin" : "expired");
        }

        var isCurrent = _texts.Is(text, session.CurrentHash);
        if (!isCurrent && !(_texts.Is(text, session.PreviousHash) && !(now - session.CurrentSeenAt >= s_grace)))
        {
            return null;
        }

        if (known.TokenOf(this, now) is not { } token)
        {
            var (made, refusal) = Restore(known, session, now);
            if (made is null)
            {
                return refusal!.Reason == RefusalReason.CannotTell ? refusal : Ended(origin, refusal.Text.Replace("Request unauthenticated. ", "", StringComparison.Ordinal), refusal.Detail);
            }

            known.Keep(this, token = made);
        }

        known.Use.Note(now, null);
        if (isCurrent)
        {
            WriteDown(known, session, text, now);
            return new SessionFinding(session, token, null, null);
        }

        // The browser hasn't got the next one yet, or this request was sent before it had.
        var next = _texts.Next(session.Id, text);
        return new SessionFinding(session, token, null, _texts.Is(next, session.CurrentHash) ? SessionCookies.Write(origin, next) : null);
    }

    private AuthenticationResult Restore(KnownSession known, BrowserSession session, DateTimeOffset now)
    {
        var (token, refusal) = restore(session);
        if (token is null)
        {
            return refusal!;
        }

        var lease = new RevocationLease(revocations) { Family = session.Id, Caller = session.CallerName, Issued = session.CreatedAt };
        return lease.Holds(now)
            ? new VerifiedToken(token.Caller with { SessionId = session.Id, ExpiresAt = session.ExpiresAt }, session.ExpiresAt, known.Lease) { Leases = [.. token.Leases, lease], Sources = token.Sources }
            : new Refusal(RefusalReason.Unauthenticated, "Your session was revoked.", "revoked");
    }

    // The newest cookie was shown: that, and now and then that it is in use, is written down beside the request; when its time is over, its successor.
    private void WriteDown(KnownSession known, BrowserSession session, string text, DateTimeOffset now)
    {
        // Counted from when the browser showed it: until then its page's requests may still bring the one before.
        var rotates = now - session.CurrentSeenAt >= options.Rotate;
        if ((!rotates && session.CurrentSeenAt is not null && now - session.LastSeenAt < _noteAfter) || !known.TryBeginWrite(s_retryAfter))
        {
            return;
        }

        var next = rotates
            ? session with { CurrentHash = _texts.Hash(_texts.Next(session.Id, text)), PreviousHash = session.CurrentHash, CurrentSeenAt = null, LastSeenAt = now }
            : session with { CurrentSeenAt = session.CurrentSeenAt ?? now, LastSeenAt = now };
        // Not even its beginning on the request's thread: a database in a file writes where it is asked.
        _ = Task.Run(() => WriteAsync(known, next));
    }

    private async Task WriteAsync(KnownSession known, BrowserSession next)
    {
        var isWritten = false;
        try
        {
            // Where another gate was quicker, the feed brings what it wrote.
            if (await store.UpdateAsync(next, CancellationToken.None) is WriteResult.Done done)
            {
                await seen(done.Revision, CancellationToken.None);
            }

            isWritten = true;
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // The session goes on as it is; a later request tries again.
            Log.NotWritten(logger, next.Id, e.Message);
        }
        finally
        {
            known.EndWrite(isWritten);
        }
    }

    private SessionFinding Copied(KnownSession known, string origin)
    {
        var id = known.Session.Id;
        Log.Copied(logger, id, known.Session.CallerName);
        known.Lease.End(LeaseEnd.Revoked);
        if (known.TryBeginWrite(s_retryAfter))
        {
            _ = Task.Run(async () =>
            {
                var isWritten = false;
                try
                {
                    await store.EndSessionsAsync([id], CancellationToken.None);
                    isWritten = true;
                }
                catch (Exception e) when (e is not OutOfMemoryException)
                {
                    Log.NotWritten(logger, id, e.Message);
                }
                finally
                {
                    known.EndWrite(isWritten);
                }
            });
        }

        return Ended(origin, "Your session was ended, since a cookie of it was used that had been replaced.", "a cookie that had been replaced");
    }

    private static bool IsNoneOrBasic(StringValues authorization) =>
        authorization.Count == 0 || (authorization.Count == 1 && authorization[0] is { } text && text.StartsWith("Basic ", StringComparison.OrdinalIgnoreCase));

    private static partial class Log
    {
        [LoggerMessage(EventIds.Identity + 40, LogLevel.Information, "Session {Session} of {Caller} begun at {Origin}")]
        public static partial void Begun(ILogger logger, string session, string caller, string origin);

        [LoggerMessage(EventIds.Identity + 41, LogLevel.Information, "Session {Session} ended: {Reason}")]
        public static partial void Ended(ILogger logger, string session, string reason);

        [LoggerMessage(EventIds.Identity + 42, LogLevel.Warning, "Session {Session} of {Caller} is ended: a cookie came that had been replaced, so that two have it")]
        public static partial void Copied(ILogger logger, string session, string caller);

        [LoggerMessage(EventIds.Identity + 43, LogLevel.Debug, "Session {Session} couldn't be written down: {Reason}")]
        public static partial void NotWritten(ILogger logger, string session, string reason);
    }
}

/// <summary>Who has logged in where.</summary>
/// <param name="Origin">Where.</param>
/// <param name="CallerName">His name.</param>
/// <param name="Caller">What is kept of the login.</param>
/// <param name="Issuer">Name of the issuer that vouched for him.</param>
/// <param name="ProviderSubject">What it calls him.</param>
/// <param name="ProviderSession">Its own session.</param>
internal sealed record NewSession(string Origin, string CallerName, string Caller, string Issuer, string? ProviderSubject, string? ProviderSession);
