using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Identity.ApiKeys;
using Postern.Model;
using Postern.Storage;
using Postern.Tokens;

namespace Postern.FunctionalTests.Infrastructure;

/// <summary>Writes accounts and keys into a gate's own store, as another gate that shares it does.</summary>
internal sealed class GateAccounts(Gate gate) : IAsyncDisposable
{
    /// <summary>Line of <c>identity:</c> that turns accounts on.</summary>
    public const string Configuration = "  accounts: enabled";

    private readonly SqlStore _store = StoreFactory.Create(new StorageOptions(), Path.Combine(gate.Folder, "data"), TimeProvider.System);
    private readonly Sealer _sealer = new SealKeys(Path.Combine(gate.Folder, "data", "keys", "credential"), TimeProvider.System, NullLogger.Instance).For("credentials");

    public IStore Store => _store;

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
        // Anything but "not one of ours" says that it is known.
        await Eventually.AnswersAsync(
            () => gate.Client.CallAsync("GetSystemInfo", Array.Empty<byte>(), text), answer => answer.Message?.Contains("not one of ours", StringComparison.Ordinal) != true);
        return (key, text);
    }

    public async Task UpdateAsync(Account account) => Assert.IsType<WriteResult.Done>(await _store.UpdateAsync(account, TestContext.Current.CancellationToken));

    public async Task UpdateAsync(ApiKey key) => Assert.IsType<WriteResult.Done>(await _store.UpdateAsync(key, TestContext.Current.CancellationToken));

    public ValueTask DisposeAsync() => _store.DisposeAsync();
}
