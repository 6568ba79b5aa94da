using Postern.Model;
using Json = Postern.Admin.ManagementJson;

namespace Postern.Admin;

/// <summary>What is revoked before its time by its id, whoever issued it.</summary>
internal static class RevocationsEndpoints
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LiftedWithin = TimeSpan.FromSeconds(5);

    public static Task<ManagementAnswer> ListAsync(ManagementCall call)
    {
        var page = Page.Read(call, out var refused);
        if (refused is not null)
        {
            return Task.FromResult(refused);
        }

        var (items, next) = page.Of(call.Accounts.Revocations.All.Where(r => !(r.Until < call.Now)), revocation => revocation.Id);
        return Task.FromResult(ManagementAnswer.Ok(new RevocationPage([.. items.Select(View)], next), Json.Default.RevocationPage));
    }

    public static async Task<ManagementAnswer> CreateAsync(ManagementCall call)
    {
        var (body, refused) = await call.ReadAsync(Json.Default.NewRevocation);
        if (body is null)
        {
            return refused!;
        }

        var checks = new FieldChecks().Text("value", body.Value, 512).Between("until", body.Until, call.Now, DateTimeOffset.MaxValue, "");
        checks = body.Value.Length == 0 ? checks.Add("value", "is empty") : checks;
        checks = ManagementApi.LooksSecret(body.Value) ? checks.Add("value", "looks like a credential itself; name a token by its jti, and end a key at /v1/keys/{id}/revoke") : checks;
        checks = body.Kind == RevokedKind.Caller && !body.Value.Contains('/') ? checks.Add("value", "is a caller's name with its issuer: okta/alice@example.com") : checks;
        if (checks.Refused is { } wrong)
        {
            return wrong;
        }

        var revocation = new Revocation(KindOf(body.Kind), body.Value, call.Now, body.Until, call.Caller.Name);
        refused = await call.WriteAsync(revocation.Id, async (store, cancellation) =>
        {
            var revision = await store.RevokeAsync([revocation], cancellation);
            if (body.Kind == RevokedKind.Session)
            {
                await store.EndFamilyAsync(body.Value, call.Now, cancellation);
                await store.EndSessionsAsync([body.Value], cancellation);
            }

            return new WriteResult.Done(1, revision);
        });
        return refused ?? ManagementAnswer.Created(View(revocation), Json.Default.RevocationView, $"/v1/revocations/{Word(body.Kind)}/{Uri.EscapeDataString(body.Value)}");
    }

    public static async Task<ManagementAnswer> LiftAsync(ManagementCall call)
    {
        if (!Enum.GetValues<RevokedKind>().Any(k => Word(k) == call.Value("kind")))
        {
            return Missing();
        }

        var (kind, value) = (KindOf(Enum.GetValues<RevokedKind>().First(k => Word(k) == call.Value("kind"))), call.Value("value"));
        if (!call.Accounts.Revocations.IsRevoked(kind, value))
        {
            return Missing();
        }

        return await call.WriteAsync(Revocation.IdOf(kind, value), async (store, cancellation) =>
        {
            if (!await store.LiftAsync(kind, value, cancellation))
            {
                return new WriteResult.Missing();
            }

            await GoneAsync(call, kind, value);
            return new WriteResult.Done(1, default);
        }) ?? ManagementAnswer.NoContent();
    }

    // Lifting tells no revision to wait for: what it took away is looked for.
    private static async Task GoneAsync(ManagementCall call, RevocationKind kind, string value)
    {
        using var enough = new CancellationTokenSource(LiftedWithin);
        using var looks = new PeriodicTimer(LookEvery);
        try
        {
            while (call.Accounts.Revocations.IsRevoked(kind, value))
            {
                await looks.WaitForNextTickAsync(enough.Token);
            }
        }
        catch (OperationCanceledException)
        {
            throw new StoreUnavailableException("the feed is behind");
        }
    }

    private static RevocationView View(Revocation revocation) => new(Shown(revocation.Kind), revocation.Value, revocation.At, revocation.Until, revocation.By);

    private static string Word(RevokedKind kind) => Configuration.OptionShape.Kebab(kind.ToString());

    private static RevocationKind KindOf(RevokedKind kind) => kind switch
    {
        RevokedKind.Token => RevocationKind.Token,
        RevokedKind.Session => RevocationKind.Family,
        RevokedKind.Certificate => RevocationKind.Certificate,
        _ => RevocationKind.Caller,
    };

    private static RevokedKind Shown(RevocationKind kind) => Enum.GetValues<RevokedKind>().First(k => KindOf(k) == kind);

    private static ManagementAnswer Missing() => ManagementAnswer.NotFound("Nothing of this kind and value is revoked.");
}
