using System.Text;
using Postern.Identity.Accounts;
using Postern.Identity.ApiKeys;
using Postern.Model;
using Json = Postern.Admin.ManagementJson;

namespace Postern.Admin;

/// <summary>The one-time token of <c>postern init</c>: what it looks like, and how long it is good.</summary>
internal static class BootstrapToken
{
    public const string Prefix = "pbt_";

    public static readonly TimeSpan Lifetime = TimeSpan.FromHours(24);

    /// <summary>A new token: what is kept of it, and its text, which is shown once.</summary>
    public static (OneTime Item, string Text) Create(SecretHash hash, DateTimeOffset now)
    {
        var (id, text) = ApiKeyText.Create(Prefix);
        return (new OneTime { Kind = OneTimeKind.BootstrapToken, Id = id, Hash = Convert.ToHexStringLower(hash.Of(Encoding.ASCII.GetBytes(text))), ExpiresAt = now + Lifetime }, text);
    }
}

/// <summary>
/// The first administrator. Whoever has the token that <c>postern init</c> printed on the machine makes one account or user with it, once; what it may, the policy
/// says, which only the machine's administrator can write.
/// </summary>
internal static class BootstrapEndpoints
{
    private const string Bearer = "Bearer ";

    public static async Task<ManagementAnswer> PostAsync(ManagementCall call)
    {
        // What isn't whole never reaches the store.
        var authorization = call.Http.Request.Headers.Authorization;
        var text = authorization.Count == 1 && authorization[0] is { } value && value.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase) ? value[Bearer.Length..] : "";
        if (ApiKeyText.IdOf(text, BootstrapToken.Prefix) is not { } id)
        {
            return Unauthenticated("Send the token that postern init printed as 'authorization: Bearer pbt_…'.", "no bootstrap token");
        }

        call.Target = id;
        var item = await call.Accounts.Store.OneTimeAsync(OneTimeKind.BootstrapToken, id, call.Http.RequestAborted);
        if (item is null || !call.Accounts.Hash.IsOf(Encoding.ASCII.GetBytes(text), Convert.FromHexString(item.Hash ?? "")) || item.ExpiresAt <= call.Now)
        {
            return Unauthenticated("The bootstrap token isn't one of ours, or its day is over; postern init --new-token makes another.", "bootstrap token unknown or expired");
        }

        if (item.UsedAt is not null)
        {
            return Used();
        }

        var (body, refused) = await call.ReadAsync(Json.Default.Bootstrap);
        if (body is null)
        {
            return refused!;
        }

        var checks = new FieldChecks().Name("name", body.Name);
        refused = (body.Password is { } password ? UsersEndpoints.Password(checks, password, body.Name) : checks).Refused
            ?? (call.Accounts.Directory.FindNamed(body.Name) is null ? null : ManagementAnswer.Conflict("An account or a user has this name already."));
        if (refused is not null)
        {
            return refused;
        }

        call.Decision = new Decision(DecisionKind.Allow, "bootstrap", "");
        return body.Password is null ? await MakeAsync(call, id, Account(call, body.Name)) : await MakeAsync(call, id, User(call, body.Name, await Task.Run(() => Passwords.Hash(body.Password))));
    }

    private static First Account(ManagementCall call, string name)
    {
        var account = new Account
        {
            Id = AccountsEndpoints.NewId("acc_"), Kind = CallerKind.Service, Name = name, Description = "First administrator", CreatedAt = call.Now, CreatedBy = Maker,
        };
        return new First(Principal.Of(account, null), "account", $"/v1/accounts/{name}", (store, cancellation) => store.CreateAsync(account, cancellation));
    }

    private static First User(ManagementCall call, string name, string password)
    {
        var user = new LocalUser { Id = AccountsEndpoints.NewId("usr_"), Name = name, Password = password, CreatedAt = call.Now, CreatedBy = Maker };
        return new First(Principal.Of(user, null), "user", $"/v1/users/{name}", (store, cancellation) => store.CreateAsync(user, cancellation));
    }

    private static async Task<ManagementAnswer> MakeAsync(ManagementCall call, string token, First first)
    {
        var name = first.Principal.Name;
        var (key, text) = KeysEndpoints.Make(call, first.Principal.Id, new NewKey { Name = "bootstrap" }, Maker);
        if (await call.WriteAsync(name, (store, cancellation) => TakeAsync(call, token, store, first, cancellation)) is { } notMade)
        {
            return notMade.Status == 404 ? Used() : notMade;
        }

        return await call.WriteAsync(name, (store, cancellation) => store.CreateAsync(key, cancellation)) ?? ManagementAnswer.Created(
            new Bootstrapped($"{Caller.OwnIssuer}/{name}", new CreatedKey(KeysEndpoints.View(key, first.Principal, null, call.Now), text), Binding($"{first.Word}:{Caller.OwnIssuer}/{name}")),
            Json.Default.Bootstrapped, first.Place);
    }

    private const string Maker = "postern/bootstrap";

    // Of all who try at once, on all gates, one gets it.
    private static async Task<WriteResult> TakeAsync(ManagementCall call, string token, IStore store, First first, CancellationToken cancellation) =>
        await store.TakeAsync(OneTimeKind.BootstrapToken, token, call.Now, cancellation) is TakeResult.Taken ? await first.CreateAsync(store, cancellation) : new WriteResult.Missing();

    private static string Binding(string who) => $"- {{ who: [\"{who}\"], role: admin, scope: cluster }}";

    private static ManagementAnswer Used() => Unauthenticated("The bootstrap token was used; postern init --new-token makes another.", "bootstrap token used before");

    private static ManagementAnswer Unauthenticated(string text, string detail) => ManagementAnswer.Refuse(new Refusal(RefusalReason.Unauthenticated, "Request unauthenticated. " + text, detail));

    /// <summary>Who is to be made: it, how policy calls its kind, where it is then, and how it is written.</summary>
    private sealed record First(Principal Principal, string Word, string Place, Func<IStore, CancellationToken, Task<WriteResult>> CreateAsync);
}
