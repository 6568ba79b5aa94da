using Postern.Model;

namespace Postern.Storage;

/// <summary>Sessions of browsers, which gates hold in memory.</summary>
internal abstract partial class SqlStore
{
    public Task<WriteResult> CreateAsync(BrowserSession session, CancellationToken cancellation) => ChangeAsync(async (transaction, revision) =>
    {
        var row = new { session.Id, Revision = revision.Number, ExpiresAt = session.ExpiresAt.ToUnixTimeMilliseconds(), Data = StoredJson.Write(session with { Version = 1 }) };
        return await transaction.ExecuteAsync(
            "INSERT INTO browser_sessions (id, version, revision, expires_at, data) VALUES (@Id, 1, @Revision, @ExpiresAt, @Data) ON CONFLICT DO NOTHING", row) == 0
            ? new WriteResult.IdTaken()
            : new WriteResult.Done(1, revision);
    }, cancellation);

    public Task<WriteResult> UpdateAsync(BrowserSession session, CancellationToken cancellation) => ChangeAsync(async (transaction, revision) =>
        Differs(await VersionAsync(transaction, "browser_sessions", session.Id), session.Version)
        ?? await ReplaceAsync(transaction, "browser_sessions", session.Id, session.Version + 1, revision, StoredJson.Write(session with { Version = session.Version + 1 })), cancellation);

    public async Task<StoreRevision?> EndSessionsAsync(IReadOnlyCollection<string> ids, CancellationToken cancellation)
    {
        var result = await ChangeAsync(async (session, revision) =>
        {
            var ended = 0;
            foreach (var id in ids.Distinct(StringComparer.Ordinal))
            {
                if (await session.ExecuteAsync("DELETE FROM browser_sessions WHERE id = @id", new { id }) > 0)
                {
                    await BuryAsync(session, StoredKind.BrowserSession, id, revision);
                    ended++;
                }
            }

            return ended == 0 ? new WriteResult.Missing() : new WriteResult.Done(1, revision);
        }, cancellation);
        return (result as WriteResult.Done)?.Revision;
    }

    public Task<BrowserSession?> BrowserSessionAsync(string id, CancellationToken cancellation) => ReadAsync(async session =>
        await session.FirstAsync<string>("SELECT data FROM browser_sessions WHERE id = @id", new { id }) is { } data ? StoredJson.Read<BrowserSession>(data) : null, cancellation);
}
