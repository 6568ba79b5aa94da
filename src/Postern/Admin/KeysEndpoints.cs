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
    // Two at once must not both find room for the last key.
    private static readonly SemaphoreSlim s_counting = new(1, 1);

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
        return await AddAsync(call, owner, key)
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
        if (await AddAsync(call, owner, key) is { } notMade)
        {
            return notMade;
        }

        var end = call.Now.AddSeconds(body.RetireAfterSeconds);
        var retired = body.RetireAfterSeconds == 0 ? old.Key with { RevokedAt = call.Now } : end < old.Key.ExpiresAt ? old.Key with { ExpiresAt = end } : old.Key;
        if (!ReferenceEquals(retired, old.Key) && await call.WriteAsync(old.Key.Id, (store, cancellation) => store.UpdateAsync(retired, cancellation)) is not null)
        {
            // The new key is there and its text is nowhere else: it is handed out, and the answer shows that the old one goes on.
            retired = Find(call)?.Key ?? old.Key;
        }

        var use = (await UsesAsync(call, [old])).GetValueOrDefault(old.Key.Id);
        return ManagementAnswer.Created(
            new RotatedKey(View(key, owner, null, call.Now), text, View(retired, owner, use, call.Now)), Json.Default.RotatedKey, $"/v1/keys/{key.Id}", ETag(key));
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

        var revoked = key.Key.RevokedAt is null ? key.Key with { RevokedAt = call.Now } : key.Key;
        if (key.Key.RevokedAt is null && await call.WriteAsync(key.Key.Id, (store, cancellation) => store.UpdateAsync(revoked, cancellation)) is { } notDone)
        {
            return notDone;
        }

        // It is revoked; when it was last used is beside the point where the store can't say.
        return ManagementAnswer.Ok(View(revoked, owner, key.Stored, call.Now), Json.Default.KeyView);
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
        Until(new FieldChecks().Text("name", body.Name, 63).Networks("sources", body.Sources).Patterns("namespaces", body.Namespaces).Roles("roles", body.Roles, call.State.Policy), call, body.ExpiresAt).Refused;

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

        if (May(call.Policy, call, Permission.AccountManage))
        {
            return null;
        }

        var held = call.State.Policy.For(owner.ToCaller(CredentialKind.ApiKey, null, DateTimeOffset.MaxValue));
        return May(held, call, Permission.AccountManage) ? NotAllowed(call, $"{owner.Name} may account.manage, and you may not.") : null;
    }

    // Whether a caller may, or could from somewhere.
    private static bool May(CallerPolicy policy, ManagementCall call, Permission permission) =>
        policy.DecideAll([ManagementApi.Demand(permission, isOpen: false)], new Circumstances(ReferenceEquals(policy, call.Policy) ? call.Source : null, call.Now), out _).Kind
            is DecisionKind.Allow || (!ReferenceEquals(policy, call.Policy) && policy.DecideAll([ManagementApi.Demand(permission, isOpen: false)], new Circumstances(null, default), out _).Kind != DecisionKind.Deny);

    // What is narrower than its account looks after itself alone: another key may be wider.
    private static ManagementAnswer? MayTouch(ManagementCall call, KnownKey key) =>
        !call.IsOwn || call.Caller.CredentialId == key.Key.Id || Credential(call) is not { } own || !OwnKey.IsNarrowed(own)
            ? null
            : NotAllowed(call, "The key that you came with is narrowed, and this is another one.");

    private static ManagementAnswer NotAllowed(ManagementCall call, string why)
    {
        call.Decision = new Decision(DecisionKind.Deny, CallerPolicy.NoRule, why);
        return ManagementAnswer.Refuse(new Refusal(RefusalReason.NotAllowed, $"Request unauthorized. {why}", $"{call.Caller.Name}: {why}"));
    }

    private static async Task<ManagementAnswer?> AddAsync(ManagementCall call, Principal owner, ApiKey key)
    {
        await s_counting.WaitAsync(call.Http.RequestAborted);
        try
        {
            var most = call.State.Options.Identity.Accounts!.KeysPerAccount;
            if (call.Accounts.Directory.KeysOf(owner.Id).Count(k => k.Key.RevokedAt is null && k.Key.ExpiresAt > call.Now) >= most)
            {
                return ManagementAnswer.Conflict($"{owner.Name} has {most} live keys, which is the most (keysPerAccount): revoke one.");
            }

            return await call.WriteAsync($"{owner.Name}/{key.Id}", (store, cancellation) => store.CreateAsync(key, cancellation));
        }
        finally
        {
            s_counting.Release();
        }
    }

    private static ApiKey? Credential(ManagementCall call) =>
        call.Caller is { Credential: CredentialKind.ApiKey, CredentialId: { } id } ? call.Accounts.Directory.FindKey(id)?.Key : null;

    private static async Task<IReadOnlyList<KeyView>> ViewsAsync(ManagementCall call, Principal owner, IReadOnlyList<KnownKey> keys)
    {
        var uses = await UsesAsync(call, keys);
        return [.. keys.Select(key => View(key.Key, owner, uses.GetValueOrDefault(key.Key.Id), call.Now))];
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
