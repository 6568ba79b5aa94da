using System.Text;
using Postern.Identity;
using Postern.Identity.Accounts;
using Postern.Identity.ApiKeys;
using Postern.Model;
using Postern.Policy;
using Json = Postern.Admin.ManagementJson;

namespace Postern.Admin;

/// <summary>
/// Keys of accounts and users. Who may <c>key.manage</c> makes keys for anybody but those who may manage what he may not; everybody else looks after the keys of
/// his own account with a key of it, and gives the new one no more than that one has.
/// </summary>
internal static class KeysEndpoints
{
    private const int MostTurns = 20;
    private static readonly TimeSpan NextTurn = TimeSpan.FromMilliseconds(100);

    public static async Task<ManagementAnswer> ListAsync(ManagementCall call)
    {
        var page = Page.Read(call, out var refused);
        if (refused is not null || call.Named() is not { } owner)
        {
            return refused ?? MissingOwner();
        }

        // Oldest first, and a cursor that holds its place: the moment in letters that sort as it does, then the id.
        var (keys, next) = page.Of(call.Accounts.Directory.KeysOf(owner.Id), key => $"{key.Key.CreatedAt.UtcTicks:D19}{key.Key.Id}");
        return ManagementAnswer.Ok(new KeyPage(await ViewsAsync(call, owner, keys), next), Json.Default.KeyPage);
    }

    public static async Task<ManagementAnswer> GetAsync(ManagementCall call) => Find(call) is { } key
        ? ManagementAnswer.Ok((await ViewsAsync(call, call.OwnerOfKey()!, [key]))[0], Json.Default.KeyView, ETag(key.Key))
        : Missing();

    public static async Task<ManagementAnswer> CreateAsync(ManagementCall call)
    {
        if (call.Named() is not { } owner)
        {
            return MissingOwner();
        }

        var (body, refused) = await call.ReadAsync(Json.Default.NewKey);
        if (body is null)
        {
            return refused!;
        }

        refused = Check(call, body) ?? MayMakeFor(call, owner);
        if (refused is not null)
        {
            return refused;
        }

        if (call.IsOwn)
        {
            (body, refused) = OwnKey.Narrow(body, Credential(call)!);
            if (refused is not null)
            {
                return refused;
            }
        }

        var (key, text) = Make(call, owner.Id, body);
        return await AddAsync(call, owner, key, $"{owner.Name}/{key.Id}")
            ?? ManagementAnswer.Created(new CreatedKey(View(key, owner, null, call.Now), text), Json.Default.CreatedKey, $"/v1/keys/{key.Id}", ETag(key));
    }

    public static async Task<ManagementAnswer> RotateAsync(ManagementCall call)
    {
        if (Find(call) is not { } old || call.OwnerOfKey() is not { } owner)
        {
            return Missing();
        }

        var (body, refused) = await call.ReadAsync(Json.Default.Rotation);
        if (body is null)
        {
            return refused!;
        }

        var options = call.State.Options.Identity.Accounts!;
        var checks = Until(new FieldChecks(), call, body.ExpiresAt);
        checks = body.RetireAfterSeconds < 0 || TimeSpan.FromSeconds(body.RetireAfterSeconds) > options.LongestKeyLifetime ? checks.Add("retireAfterSeconds", "takes seconds, from 0 to longestKeyLifetime") : checks;
        refused = checks.Refused ?? call.Match(ETag(old.Key), isNeeded: false) ?? MayMakeFor(call, owner) ?? MayTouch(call, old);
        if (refused is null && (old.Key.RevokedAt is not null || old.Key.ExpiresAt <= call.Now))
        {
            refused = ManagementAnswer.Conflict("The key has ended: there is nothing to take over from. Make a new one.");
        }

        if (refused is not null)
        {
            return refused;
        }

        var (key, text) = Make(call, owner.Id, new NewKey
        {
            Name = old.Key.Name, ExpiresAt = body.ExpiresAt, Sources = old.Key.Sources, Namespaces = old.Key.Namespaces, Roles = old.Key.Roles,
        });
        key = key with { Replaces = old.Key.Id };
        if (await AddAsync(call, owner, key, $"{owner.Name}/{old.Key.Id}, replaced by {key.Id}") is { } notMade)
        {
            return notMade;
        }

        // Where this fails the new key is there all the same, and its text is nowhere else: it is handed out, and the answer shows that the old one goes on.
        var end = call.Now.AddSeconds(body.RetireAfterSeconds);
        var (retired, _) = await ChangeAsync(call, old.Key, call.Target!, k => body.RetireAfterSeconds == 0 ? k with { RevokedAt = call.Now } : end < k.ExpiresAt ? k with { ExpiresAt = end } : k);
        return ManagementAnswer.Created(
            new RotatedKey(View(key, owner, null, call.Now), text, View(retired, owner, await LastUseAsync(call, old), call.Now)), Json.Default.RotatedKey, $"/v1/keys/{key.Id}", ETag(key));
    }

    public static async Task<ManagementAnswer> RevokeAsync(ManagementCall call)
    {
        if (Find(call) is not { } key || call.OwnerOfKey() is not { } owner)
        {
            return Missing();
        }

        if ((call.Match(ETag(key.Key), isNeeded: false) ?? MayTouch(call, key)) is { } refused)
        {
            return refused;
        }

        var (revoked, notDone) = await ChangeAsync(call, key.Key, $"{owner.Name}/{key.Key.Id}", k => k.RevokedAt is null ? k with { RevokedAt = call.Now } : k);
        return notDone ?? ManagementAnswer.Ok(View(revoked, owner, await LastUseAsync(call, key), call.Now), Json.Default.KeyView);
    }

    /// <summary>A key and its text, which is kept nowhere.</summary>
    public static (ApiKey Key, string Text) Make(ManagementCall call, string ownerId, NewKey body, string? by = null)
    {
        var (id, text) = ApiKeyText.Create();
        return (new ApiKey
        {
            Id = id,
            OwnerId = ownerId,
            Name = body.Name,
            Hash = [.. call.Accounts.Hash.Of(Encoding.ASCII.GetBytes(text))],
            CreatedAt = call.Now,
            CreatedBy = by ?? call.Caller.Name,
            ExpiresAt = body.ExpiresAt ?? call.Now + call.State.Options.Identity.Accounts!.KeyLifetime,
            Sources = [.. body.Sources],
            Namespaces = [.. body.Namespaces],
            Roles = [.. body.Roles],
        }, text);
    }

    public static KeyView View(ApiKey key, Principal owner, KeyUse? use, DateTimeOffset now) => new(
        key.Id, owner.Name, key.Name, key.RevokedAt is not null ? KeyState.Revoked : key.ExpiresAt <= now ? KeyState.Expired : KeyState.Live, key.CreatedAt, key.CreatedBy, key.ExpiresAt,
        key.RevokedAt, key.Replaces, key.Sources, key.Namespaces, key.Roles, use?.At, use?.From);

    private static ManagementAnswer? Check(ManagementCall call, NewKey body) =>
        Until(new FieldChecks().Text("name", body.Name, 63).Networks("sources", body.Sources).Patterns("namespaces", body.Namespaces).Roles("roles", body.Roles, call.State.Policy, isTold: !call.IsOwn), call, body.ExpiresAt).Refused;

    // A key that somebody makes for himself lives no longer than one that nobody thought about.
    private static FieldChecks Until(FieldChecks checks, ManagementCall call, DateTimeOffset? expires)
    {
        var options = call.State.Options.Identity.Accounts!;
        var longest = call.IsOwn ? options.KeyLifetime : options.LongestKeyLifetime;
        return checks.Between("expiresAt", expires, call.Now, call.Now + longest, $"is further away than {longest.TotalDays:0.##} days ({(call.IsOwn ? "keyLifetime, which bounds keys that an account makes for itself" : "longestKeyLifetime")})");
    }

    // Nobody gives what he hasn't: a key of an account is whatever the account is.
    private static ManagementAnswer? MayMakeFor(ManagementCall call, Principal owner)
    {
        if (call.IsOwn)
        {
            return Credential(call) is null ? NotAllowed(call, "Keys of one's own account are made with a key of it: a token or a certificate can't become one that lasts.") : null;
        }

        if (MayManageAccounts(call.Policy, new Circumstances(call.Source, call.Now)) == DecisionKind.Allow)
        {
            return null;
        }

        // From wherever and whenever it may.
        var held = call.State.Policy.For(owner.ToCaller(CredentialKind.ApiKey, null, DateTimeOffset.MaxValue));
        return MayManageAccounts(held, default) == DecisionKind.Deny ? null : NotAllowed(call, $"{owner.Name} may account.manage, and you may not.");
    }

    private static DecisionKind MayManageAccounts(CallerPolicy policy, in Circumstances circumstances) =>
        policy.DecideAll([ManagementApi.Demand(Permission.AccountManage, isOpen: false)], circumstances, out _).Kind;

    // What is narrower than its account looks after itself alone, since another key may be wider.
    private static ManagementAnswer? MayTouch(ManagementCall call, KnownKey key) => !call.IsOwn ? null
        : Credential(call) is not { } own ? NotAllowed(call, "Keys of one's own account are looked after with a key of it.")
        : own.Id == key.Key.Id || !OwnKey.IsNarrowed(own) ? null
        : NotAllowed(call, "The key that you came with is narrowed, and this is another one.");

    private static ManagementAnswer NotAllowed(ManagementCall call, string why)
    {
        call.Decision = new Decision(DecisionKind.Deny, CallerPolicy.NoRule, why);
        return ManagementAnswer.Refuse(new Refusal(RefusalReason.NotAllowed, $"Request unauthorized. {why}", $"{call.Caller.Name}: {why}"));
    }

    /// <summary>No further key while all of these live.</summary>
    public static ManagementAnswer TooMany(ManagementCall call) =>
        ManagementAnswer.Conflict($"There are {call.State.Options.Identity.Accounts!.KeysPerAccount} live keys of its owner, which is the most (keysPerAccount): revoke one.");

    // Counted where it is written, since another gate may be writing too; looked at before, so that what can't be done leaves no intent.
    private static async Task<ManagementAnswer?> AddAsync(ManagementCall call, Principal owner, ApiKey key, string target)
    {
        var most = call.State.Options.Identity.Accounts!.KeysPerAccount;
        return call.Accounts.Directory.KeysOf(owner.Id).Count(known => known.Key.Lives(call.Now)) >= most
            ? TooMany(call)
            : await call.WriteAsync(target, (store, cancellation) => store.CreateAsync(key, most, call.Now, cancellation));
    }

    // Who ends a key doesn't care who else changed it a moment ago: it is read again and ended, unless If-Match says which one was meant.
    private static async Task<(ApiKey Key, ManagementAnswer? Refused)> ChangeAsync(ManagementCall call, ApiKey key, string target, Func<ApiKey, ApiKey> change)
    {
        for (var turn = 0; ; turn++)
        {
            var next = change(key);
            if (ReferenceEquals(next, key))
            {
                return (key, null);
            }

            var refused = await call.WriteAsync(target, (store, cancellation) => store.UpdateAsync(next, cancellation));
            if (refused is not { Status: 412 } || turn == MostTurns || call.HasMatch)
            {
                return (refused is null ? next : key, refused);
            }

            await Task.Delay(NextTurn, call.Http.RequestAborted);
            key = call.Accounts.Directory.FindKey(key.Id)?.Key ?? key;
        }
    }

    private static ApiKey? Credential(ManagementCall call) =>
        call.Caller is { Credential: CredentialKind.ApiKey, CredentialId: { } id } ? call.Accounts.Directory.FindKey(id)?.Key : null;

    private static async Task<IReadOnlyList<KeyView>> ViewsAsync(ManagementCall call, Principal owner, IReadOnlyList<KnownKey> keys)
    {
        var uses = await UsesAsync(call, keys);
        return [.. keys.Select(key => View(key.Key, owner, uses.GetValueOrDefault(key.Key.Id), call.Now))];
    }

    // Beside what was done: where the store can't say, what this gate knows.
    private static async Task<KeyUse?> LastUseAsync(ManagementCall call, KnownKey key)
    {
        try
        {
            return (await UsesAsync(call, [key])).GetValueOrDefault(key.Key.Id);
        }
        catch (StoreUnavailableException)
        {
            return key.Use.At is { } at ? new KeyUse(key.Key.Id, at, key.Use.From?.ToString()) : key.Stored;
        }
    }

    // What the store knows of all gates, and this gate of the last seconds. Where the store is away nobody is told that a key was never used: it would be deleted.
    private static async Task<Dictionary<string, KeyUse>> UsesAsync(ManagementCall call, IReadOnlyList<KnownKey> keys)
    {
        var uses = (await call.Accounts.Store.UsesOfAsync([.. keys.Select(k => k.Key.Id)], call.Http.RequestAborted)).ToDictionary(use => use.KeyId, StringComparer.Ordinal);
        foreach (var key in keys)
        {
            if (key.Use.At is { } at && (!uses.TryGetValue(key.Key.Id, out var stored) || stored.At < at))
            {
                uses[key.Key.Id] = new KeyUse(key.Key.Id, at, key.Use.From?.ToString());
            }
        }

        return uses;
    }

    private static KnownKey? Find(ManagementCall call) => call.Accounts.Directory.FindKey(call.Value("id"));

    private static string ETag(ApiKey key) => $"\"{key.Id}.{key.Version}\"";

    private static ManagementAnswer Missing() => ManagementAnswer.NotFound("There is no key of this id.");

    private static ManagementAnswer MissingOwner() => ManagementAnswer.NotFound("There is no account or user of this name.");
}
