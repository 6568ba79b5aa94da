using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text.Json;
using Postern.Identity.Accounts;
using Postern.Model;
using Json = Postern.Admin.ManagementJson;

namespace Postern.Admin;

/// <summary>Service accounts and agents.</summary>
internal static class AccountsEndpoints
{
    private const string IdAlphabet = "0123456789abcdefghijklmnopqrstuvwxyz";

    public static Task<ManagementAnswer> ListAsync(ManagementCall call)
    {
        var page = Page.Read(call, out var refused);
        if (refused is not null)
        {
            return Task.FromResult(refused);
        }

        var (items, next) = page.Of(call.Accounts.Directory.All.Select(p => p.Account).OfType<Account>(), account => account.Name);
        return Task.FromResult(ManagementAnswer.Ok(new AccountPage([.. items.Select(View)], next), Json.Default.AccountPage));
    }

    public static Task<ManagementAnswer> GetAsync(ManagementCall call) =>
        Task.FromResult(call.Named()?.Account is { } account ? ManagementAnswer.Ok(View(account), Json.Default.AccountView, ETag(account)) : Missing());

    public static async Task<ManagementAnswer> CreateAsync(ManagementCall call)
    {
        var (body, refused) = await call.ReadAsync(Json.Default.NewAccount);
        if (body is null)
        {
            return refused!;
        }

        refused = new FieldChecks().Name("name", body.Name).Text("description", body.Description).Owner("owner", body.Owner).Labels("labels", body.Labels)
            .Patterns("namespaces", body.Namespaces).Audiences("audiences", body.Audiences).PublicKeys("publicKeys", body.PublicKeys).Between("expiresAt", body.ExpiresAt, call.Now, DateTimeOffset.MaxValue, "").Refused;
        if (refused is not null)
        {
            return refused;
        }

        var account = new Account
        {
            Id = NewId("acc_"),
            Kind = body.Kind == AccountKind.Agent ? CallerKind.Agent : CallerKind.Service,
            Name = body.Name,
            Description = body.Description,
            Owner = body.Owner,
            Labels = body.Labels.ToImmutableSortedDictionary(StringComparer.Ordinal),
            Namespaces = [.. body.Namespaces],
            Audiences = Kept(body.Audiences),
            PublicKeys = [.. body.PublicKeys.Select(key => JsonSerializer.Serialize(key, Json.Default.PublicJwk))],
            ExpiresAt = body.ExpiresAt,
            CreatedAt = call.Now,
            CreatedBy = call.Caller.Name,
        };
        return await call.WriteAsync(body.Name, (store, cancellation) => store.CreateAsync(account, cancellation))
            ?? ManagementAnswer.Created(View(account), Json.Default.AccountView, $"/v1/accounts/{account.Name}", ETag(account));
    }

    public static async Task<ManagementAnswer> UpdateAsync(ManagementCall call)
    {
        if (call.Named()?.Account is not { } account)
        {
            return Missing();
        }

        var (body, refused) = await call.ReadAsync(Json.Default.AccountChange);
        if (body is null)
        {
            return refused!;
        }

        refused = new FieldChecks().Text("description", body.Description).Owner("owner", body.Owner).Labels("labels", body.Labels)
            .Patterns("namespaces", body.Namespaces).Audiences("audiences", body.Audiences).PublicKeys("publicKeys", body.PublicKeys).Refused;
        refused ??= call.Match(ETag(account)) ?? (body.Disabled || body.ExpiresAt <= call.Now ? OfOneself(call, account.Name) : null);
        if (refused is not null)
        {
            return refused;
        }

        var next = account with
        {
            Description = body.Description,
            Owner = body.Owner,
            Labels = body.Labels.ToImmutableSortedDictionary(StringComparer.Ordinal),
            Namespaces = [.. body.Namespaces],
            Audiences = Kept(body.Audiences),
            PublicKeys = [.. body.PublicKeys.Select(key => JsonSerializer.Serialize(key, Json.Default.PublicJwk))],
            ExpiresAt = body.ExpiresAt,
            Disabled = body.Disabled,
        };
        // The store compares the version again: of two who change it at once, one does.
        return await call.WriteAsync(account.Name, (store, cancellation) => store.UpdateAsync(next, cancellation))
            ?? ManagementAnswer.Ok(View(next), Json.Default.AccountView, ETag(next with { Version = next.Version + 1 }));
    }

    public static async Task<ManagementAnswer> DeleteAsync(ManagementCall call)
    {
        if (call.Named()?.Account is not { } account)
        {
            return Missing();
        }

        return call.Match(ETag(account)) ?? OfOneself(call, account.Name)
            ?? await call.WriteAsync(account.Name, (store, cancellation) => store.DeleteAccountAsync(account.Id, call.HasMatch ? account.Version : null, cancellation)) ?? ManagementAnswer.NoContent();
    }

    /// <summary>
    /// Nobody takes himself out: whoever does the last thing that needs an administrator is one, and stays.
    /// </summary>
    public static ManagementAnswer? OfOneself(ManagementCall call, string name) => call.Caller.Issuer == Caller.OwnIssuer && call.Caller.Subject == name
        ? ManagementAnswer.Conflict("You come as this one: let another administrator do it, so that one remains.")
        : null;

    public static string NewId(string prefix) => prefix + RandomNumberGenerator.GetString(IdAlphabet, 16);

    private static string ETag(Account account) => $"\"{account.Id}.{account.Version}\"";

    private static ManagementAnswer Missing() => ManagementAnswer.NotFound("There is no account of this name.");

    private static ImmutableSortedDictionary<string, ImmutableArray<string>> Kept(IReadOnlyDictionary<string, IReadOnlyList<string>> audiences) =>
        audiences.ToImmutableSortedDictionary(a => a.Key, a => a.Value.ToImmutableArray(), StringComparer.Ordinal);

    private static AccountView View(Account account) => new(
        account.Id, account.Name, account.Kind == CallerKind.Agent ? AccountKind.Agent : AccountKind.Service, account.Description, account.Owner, account.Labels, account.Namespaces,
        account.Audiences.ToDictionary(a => a.Key, a => (IReadOnlyList<string>)a.Value),
        [.. account.PublicKeys.Select(key => JsonSerializer.Deserialize(key, Json.Default.PublicJwk)!)], account.ExpiresAt, account.Disabled, account.CreatedAt, account.CreatedBy);
}
