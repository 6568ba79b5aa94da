using System.Collections.Immutable;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using Postern.Identity;
using Postern.Identity.Accounts;
using Postern.Identity.ApiKeys;
using Postern.Model;
using Postern.Tests.Audit;

namespace Postern.Tests.Identity.Accounts;

/// <summary>A directory without a store, and the source of its keys.</summary>
internal sealed class AccountBench : IAsyncDisposable
{
    private static readonly byte[] Secret = RandomNumberGenerator.GetBytes(32);
    private long _revision;

    public AccountBench()
    {
        Directory = new AccountDirectory(Time);
        Sources = new IdentitySources([new ApiKeyIdentitySource(Directory, Hash, Time)], null, Time);
    }

    public static SecretHash Hash { get; } = new(
        secret => HMACSHA256.HashData(Secret, secret), (secret, hash) => CryptographicOperations.FixedTimeEquals(HMACSHA256.HashData(Secret, secret), hash.Span));

    public ManualTime Time { get; } = new();

    public AccountDirectory Directory { get; }

    public IdentitySources Sources { get; }

    public Account Account(string name, Func<Account, Account>? with = null)
    {
        var account = new Account { Id = "acc_" + name, Kind = CallerKind.Service, Name = name, CreatedAt = Time.GetUtcNow(), CreatedBy = "test/root" };
        account = with?.Invoke(account) ?? account;
        Apply(account);
        return account;
    }

    public (ApiKey Key, string Text) Key(string ownerId, Func<ApiKey, ApiKey>? with = null)
    {
        var (id, text) = ApiKeyText.Create();
        var key = new ApiKey
        {
            Id = id, OwnerId = ownerId, Hash = [.. Hash.Of(Encoding.ASCII.GetBytes(text))], CreatedAt = Time.GetUtcNow(), CreatedBy = "test/root", ExpiresAt = Time.GetUtcNow().AddDays(90),
        };
        key = with?.Invoke(key) ?? key;
        Apply(key);
        return (key, text);
    }

    public void Apply(object row) => Directory.Apply(Changes(row));

    public void Delete(StoredKind kind, string id) => Directory.Apply(new StoreChanges { Revision = new StoreRevision("s", ++_revision), IsWhole = false, Deletions = [new StoreDeletion(kind, id)] });

    public StoreChanges Changes(params object[] rows) => new()
    {
        Revision = new StoreRevision("s", ++_revision), IsWhole = false,
        Accounts = [.. rows.OfType<Account>()], Keys = [.. rows.OfType<ApiKey>()], Users = [.. rows.OfType<LocalUser>()],
    };

    public async Task<AuthenticationResult> AskAsync(string text, IPAddress? from = null) =>
        await Sources.AuthenticateAsync("Bearer " + text, from, TestContext.Current.CancellationToken);

    public async Task<VerifiedToken> VerifiedAsync(string text, IPAddress? from = null)
    {
        var (token, refusal) = await AskAsync(text, from);
        Assert.True(token is not null, refusal?.Text);
        return token;
    }

    public async Task<Refusal> RefusalAsync(string text, IPAddress? from = null)
    {
        var (token, refusal) = await AskAsync(text, from);
        Assert.Null(token);
        return refusal!;
    }

    public ValueTask DisposeAsync() => Sources.DisposeAsync();
}
