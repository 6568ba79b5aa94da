using Postern.FunctionalTests.Infrastructure;
using Postern.Model;

namespace Postern.FunctionalTests.Contracts;

/// <summary>What the contracts of the store share: a place per test, and objects to put there.</summary>
public abstract class OnePlace : IAsyncLifetime
{
    // Whole milliseconds: what the store keeps of times.
    private protected static readonly DateTimeOffset Noon = new(2026, 11, 28, 12, 0, 0, TimeSpan.Zero);

    private protected StorePlace Place { get; private set; } = null!;

    private protected static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => Place = await NewPlaceAsync();

    public async ValueTask DisposeAsync()
    {
        await Place.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    protected abstract Task<StorePlace> NewPlaceAsync();

    private protected static Account Worker(string name) => new()
    {
        Id = "acc_" + name,
        Kind = CallerKind.Service,
        Name = name,
        Description = "Pays \"wages\" — monthly",
        Owner = "group:okta/payments",
        Labels = System.Collections.Immutable.ImmutableSortedDictionary<string, string>.Empty.Add("team", "payments"),
        Namespaces = ["payments", "payments-*"],
        Audiences = System.Collections.Immutable.ImmutableSortedDictionary<string, System.Collections.Immutable.ImmutableArray<string>>.Empty.Add("https://api.example.com", ["read", "write"]),
        ExpiresAt = Noon.AddYears(1),
        CreatedAt = Noon,
        CreatedBy = "okta/alice@example.com",
    };

    private protected static ApiKey Key(string id, string ownerId) => new()
    {
        Id = id,
        OwnerId = ownerId,
        Name = "ci",
        Hash = [1, 2, 3, 255],
        CreatedAt = Noon,
        CreatedBy = "okta/alice@example.com",
        ExpiresAt = Noon.AddDays(90),
        Sources = ["10.0.0.0/8"],
        Namespaces = ["payments"],
        Roles = ["worker"],
    };

    private protected static LocalUser User(string name) => new()
    {
        Id = "usr_" + name,
        Name = name,
        DisplayName = "Bob the Builder",
        Groups = ["builders"],
        Password = "pbkdf2-sha256$600000$c2FsdA==$aGFzaA==",
        CreatedAt = Noon,
        CreatedBy = "okta/alice@example.com",
    };

    private protected static WriteResult.Done Done(WriteResult result) => Assert.IsType<WriteResult.Done>(result);
}
