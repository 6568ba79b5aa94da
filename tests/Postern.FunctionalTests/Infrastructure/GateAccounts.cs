using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Identity.ApiKeys;
using Postern.Model;
using Postern.OAuth;
using Postern.Storage;
using Postern.Tokens;

namespace Postern.FunctionalTests.Infrastructure;

/// <summary>Writes accounts and keys into a gate's own store, as another gate that shares it does.</summary>
internal sealed class GateAccounts(Gate gate, SqlStore? store = null) : IAsyncDisposable
{
    /// <summary>Line of <c>identity:</c> that turns accounts on.</summary>
    public const string Configuration = "  accounts: enabled";

    private readonly SqlStore _store = store ?? StoreFactory.Create(new StorageOptions(), Path.Combine(gate.Folder, "data"), TimeProvider.System);
    private readonly Sealer _sealer = new SealKeys(Path.Combine(gate.Folder, "data", "keys", "credential"), TimeProvider.System, NullLogger.Instance).For("credentials");

    public IStore Store => _store;

    /// <summary>What the gate's own refresh tokens are made with.</summary>
    public RefreshTokens Refresh => new(new SecretHash(
        secret =>
        {
            var tag = new byte[Sealer.TagLength];
            _sealer.Write(secret, tag);
            return tag;
        },
        (secret, tag) => tag.Length == Sealer.TagLength && _sealer.IsValid(secret, tag.Span)));

    /// <summary>A session, as a login leaves it, with its first refresh token.</summary>
    public async Task<string> AddSessionAsync(LoggedIn login, string client = "postern-cli", Func<RefreshFamily, RefreshFamily>? with = null)
    {
        var id = RefreshTokens.NewFamily();
        var token = Refresh.First(id);
        var family = new RefreshFamily
        {
            Id = id, CallerName = login.Name, Caller = login.Write(), ClientId = client, CurrentHash = Refresh.Hash(token), CreatedAt = DateTimeOffset.UtcNow, ExpiresAt = DateTimeOffset.UtcNow.AddHours(1),
        };
        Assert.True(await _store.CreateAsync(with?.Invoke(family) ?? family, TestContext.Current.CancellationToken));
        return token;
    }

    public async Task<Account> AddAsync(string name, Func<Account, Account>? with = null)
    {
        var account = new Account { Id = "acc_" + name, Kind = CallerKind.Service, Name = name, CreatedAt = DateTimeOffset.UtcNow, CreatedBy = "test/root" };
        account = with?.Invoke(account) ?? account;
        Assert.IsType<WriteResult.Done>(await _store.CreateAsync(account, TestContext.Current.CancellationToken));
        return account;
    }

    /// <summary>A key that the gate knows already when this returns.</summary>
    public async Task<(ApiKey Key, string Text)> AddKeyAsync(Account owner, Func<ApiKey, ApiKey>? with = null)
    {
        var (id, text) = ApiKeyText.Create();
        var hash = new byte[Sealer.TagLength];
        _sealer.Write(Encoding.ASCII.GetBytes(text), hash);
        var key = new ApiKey
        {
            Id = id, OwnerId = owner.Id, Hash = [.. hash], CreatedAt = DateTimeOffset.UtcNow, CreatedBy = "test/root", ExpiresAt = DateTimeOffset.UtcNow.AddDays(1),
        };
        key = with?.Invoke(key) ?? key;
        Assert.IsType<WriteResult.Done>(await _store.CreateAsync(key, TestContext.Current.CancellationToken));
        // Anything but "not one of ours" says that it is known. Asked from an address of its own: failed attempts are counted by address.
        using var asking = new GrpcClient(gate.GrpcAddress);
        await Eventually.AnswersAsync(
            () => asking.CallAsync("GetSystemInfo", Array.Empty<byte>(), text), answer => answer.Message?.Contains("not one of ours", StringComparison.Ordinal) != true);
        return (key, text);
    }

    public async Task UpdateAsync(Account account) => Assert.IsType<WriteResult.Done>(await _store.UpdateAsync(account, TestContext.Current.CancellationToken));

    public async Task UpdateAsync(ApiKey key) => Assert.IsType<WriteResult.Done>(await _store.UpdateAsync(key, TestContext.Current.CancellationToken));

    public ValueTask DisposeAsync() => _store.DisposeAsync();
}
