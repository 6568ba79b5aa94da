using Dapper;
using Postern.Model;

namespace Postern.Storage;

/// <summary>What gates hold in memory.</summary>
internal abstract partial class SqlStore
{
    public Task<StoreChanges> ReadAsync(CancellationToken cancellation) => ReadAsync(async session => await WholeAsync(session, await StateAsync(session)), cancellation);

    public Task<StoreChanges> ChangesSinceAsync(StoreRevision since, CancellationToken cancellation) => ReadAsync(async session =>
    {
        var state = await StateAsync(session);
        if (state.Store != since.Store || since.Number < state.Forgotten || since.Number > state.Revision)
        {
            return await WholeAsync(session, state);
        }

        var revision = new StoreRevision(state.Store, state.Revision);
        return since == revision ? new StoreChanges { Revision = revision, IsWhole = false } : await ContentsAsync(session, revision, since.Number);
    }, cancellation);

    public Task<IReadOnlyList<KeyUse>> UsesOfAsync(IReadOnlyCollection<string> keyIds, CancellationToken cancellation) => ReadAsync(async session =>
    {
        var uses = new List<KeyUse>();
        foreach (var ids in keyIds.Distinct(StringComparer.Ordinal).Chunk(500))
        {
            // Spelled out: lists in parameters are one thing to one database and another to the other.
            var arguments = new DynamicParameters();
            for (var i = 0; i < ids.Length; i++)
            {
                arguments.Add($"k{i}", ids[i]);
            }

            var names = string.Join(", ", arguments.ParameterNames.Select(name => "@" + name));
            var rows = await session.ListAsync<UseRow>($"SELECT key_id AS KeyId, used_at AS UsedAt, address AS Address FROM key_uses WHERE key_id IN ({names})", arguments);
            uses.AddRange(rows.Select(row => new KeyUse(row.KeyId, At(row.UsedAt), row.Address)));
        }

        return (IReadOnlyList<KeyUse>)uses;
    }, cancellation);

    private static Task<StoreChanges> WholeAsync(StoreSession session, StateRow state) => ContentsAsync(session, new StoreRevision(state.Store, state.Revision), null);

    private static async Task<StoreChanges> ContentsAsync(StoreSession session, StoreRevision revision, long? since)
    {
        var arguments = new { since };
        var where = since is null ? "" : " WHERE revision > @since";
        var deletions = since is null
            ? []
            : await session.ListAsync<DeletionRow>("SELECT kind AS Kind, id AS Id FROM tombstones WHERE revision > @since ORDER BY revision", arguments);
        var revocations = await session.ListAsync<RevocationRow>(
            "SELECT kind AS Kind, value AS Value, revoked_at AS RevokedAt, until_at AS UntilAt, revoked_by AS RevokedBy FROM revocations" + where, arguments);
        return new StoreChanges
        {
            Revision = revision,
            IsWhole = since is null,
            Accounts = await session.EachAsync("SELECT data FROM accounts" + where, arguments, StoredJson.Read<Account>),
            Keys = await session.EachAsync("SELECT data FROM api_keys" + where, arguments, StoredJson.Read<ApiKey>),
            Users = await session.EachAsync("SELECT data FROM users" + where, arguments, StoredJson.Read<LocalUser>),
            BrowserSessions = await session.EachAsync("SELECT data FROM browser_sessions" + where, arguments, StoredJson.Read<BrowserSession>),
            Revocations = [.. revocations.Select(row => row.ToRevocation())],
            Deletions = [.. deletions.Select(row => new StoreDeletion(Named<StoredKind>(row.Kind), row.Id))],
        };
    }

    private static async Task<StateRow> StateAsync(StoreSession session)
    {
        var state = await session.FirstAsync<StateRow>("""
            SELECT store AS Store, revision AS Revision, forgotten AS Forgotten, (SELECT max(number) FROM schema_migrations) AS Migration FROM store_state
            """) ?? throw new StoreUnavailableException("the store has no state: it was changed by hand; restore a backup");
        EnsureKnown(state.Migration);
        return state;
    }

    private static DateTimeOffset At(long milliseconds) => DateTimeOffset.FromUnixTimeMilliseconds(milliseconds);

    // A number in a name's place would be taken by the parser, and mean something else in the next build.
    private static T Named<T>(string name)
        where T : struct, Enum => Enum.TryParse<T>(name, out var value) && value.ToString() == name ? value : throw new FormatException($"There is no {typeof(T).Name} of this name.");

    private sealed record UseRow(string KeyId, long UsedAt, string? Address);

    private sealed record DeletionRow(string Kind, string Id);

    private sealed record RevocationRow(string Kind, string Value, long RevokedAt, long? UntilAt, string RevokedBy)
    {
        public Revocation ToRevocation() => new(Named<RevocationKind>(Kind), Value, At(RevokedAt), UntilAt is { } until ? At(until) : null, RevokedBy);
    }
}
