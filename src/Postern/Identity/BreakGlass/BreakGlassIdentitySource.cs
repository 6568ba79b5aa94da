using Microsoft.Extensions.Logging;
using Postern.Identity.Accounts;
using Postern.Model;
using Postern.Telemetry;

namespace Postern.Identity.BreakGlass;

/// <summary>Callers by a credential for emergencies. Asks nobody; what it lets in, policy still judges, as <c>group:postern/break-glass</c>.</summary>
internal sealed partial class BreakGlassIdentitySource(SecretSeal seal, BreakGlassUses uses, Revocations revocations, Action used, TimeProvider time, ILogger logger) : IIdentitySource
{
    public Task FirstFetch => Task.CompletedTask;

    public IEnumerable<string> Missing() => [];

    public bool Takes(Credential credential) => credential.Shape == CredentialShape.BreakGlass;

    public ValueTask<AuthenticationResult> VerifyAsync(Credential credential, CancellationToken cancellation) => new(Verify(credential));

    public ValueTask RetireAsync(IIdentitySource? other) => ValueTask.CompletedTask;

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private AuthenticationResult Verify(Credential credential)
    {
        if (BreakGlassCredential.Read(credential.Token, seal) is not { } sealedOne)
        {
            return Refuse("The credential is not one of ours.", "break-glass, not ours");
        }

        var now = time.GetUtcNow();
        if (sealedOne.NotAfter <= now)
        {
            return Refuse("The credential has expired unused.", $"break-glass {sealedOne.Id}");
        }

        var name = $"{Caller.OwnIssuer}/break-glass.{sealedOne.Name}";
        var lease = new RevocationLease(revocations) { TokenId = sealedOne.Id, Caller = name };
        if (!lease.Holds(now))
        {
            return Refuse("The credential was revoked.", $"break-glass {sealedOne.Id}");
        }

        DateTimeOffset began;
        try
        {
            (began, var isFirst) = uses.Begin(sealedOne.Id, now);
            if (isFirst)
            {
                used();
                Log.Used(logger, sealedOne.Id, sealedOne.Name, credential.Source?.ToString() ?? "an unknown address", began + sealedOne.Lasts);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A use that can't be written down could be one of many.
            Log.NotKept(logger, sealedOne.Id, e.Message);
            return new Refusal(RefusalReason.CannotTell, "Whether the credential was used before can't be told.", $"break-glass {sealedOne.Id}");
        }

        var ends = began + sealedOne.Lasts;
        if (ends <= now)
        {
            Log.UsedAgain(logger, sealedOne.Id, sealedOne.Name, credential.Source?.ToString() ?? "an unknown address", began);
            return Refuse("The credential was used up: it is good for one session.", $"break-glass {sealedOne.Id}");
        }

        return new VerifiedToken(
            new Caller
            {
                Kind = CallerKind.Human, Issuer = Caller.OwnIssuer, Subject = $"break-glass.{sealedOne.Name}", Name = name, DisplayName = $"break-glass.{sealedOne.Name}",
                Groups = [BreakGlassCredential.Group], Credential = CredentialKind.BreakGlass, CredentialId = sealedOne.Id, ExpiresAt = ends,
            },
            ends, Lease.Lasting())
        {
            Leases = [lease],
        };
    }

    private static AuthenticationResult Refuse(string text, string detail) => new Refusal(RefusalReason.Unauthenticated, "Request unauthenticated. " + text, detail);

    private static partial class Log
    {
        [LoggerMessage(EventIds.Identity + 20, LogLevel.Critical, "BREAK-GLASS: credential {Id} of {Name} is used from {Source}; its session ends {Ends:O}")]
        public static partial void Used(ILogger logger, string id, string name, string source, DateTimeOffset ends);

        [LoggerMessage(EventIds.Identity + 21, LogLevel.Critical, "BREAK-GLASS: credential {Id} of {Name} was tried again from {Source}; its one session began {Began:O}")]
        public static partial void UsedAgain(ILogger logger, string id, string name, string source, DateTimeOffset began);

        [LoggerMessage(EventIds.Identity + 22, LogLevel.Critical, "BREAK-GLASS: the use of credential {Id} can't be written down, so it is refused: {Reason}")]
        public static partial void NotKept(ILogger logger, string id, string reason);
    }
}
