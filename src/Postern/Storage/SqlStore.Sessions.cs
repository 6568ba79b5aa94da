using Postern.Model;

namespace Postern.Storage;

/// <summary>Sessions, and what is good once: no gate holds these in memory, each is asked for when it is used.</summary>
internal abstract partial class SqlStore
{
    private const string FamilyColumns = """
        id AS Id, caller_name AS CallerName, caller AS Caller, client_id AS ClientId, scope AS Scope, audiences AS Audiences, current_hash AS CurrentHash,
        previous_hash AS PreviousHash, created_at AS CreatedAt, expires_at AS ExpiresAt, last_used_at AS LastUsedAt, ended_at AS EndedAt
        """;

    private const string OneTimeColumns = "kind AS Kind, id AS Id, hash AS Hash, data AS Data, version AS Version, expires_at AS ExpiresAt, used_at AS UsedAt";

    public Task<bool> CreateAsync(RefreshFamily family, CancellationToken cancellation) => WriteAsync(async session => Changed(await session.ExecuteAsync("""
        INSERT INTO refresh_families
            (id, caller_name, caller, client_id, scope, audiences, current_hash, previous_hash, created_at, expires_at, last_used_at, ended_at)
        VALUES (@Id, @CallerName, @Caller, @ClientId, @Scope, @Audiences, @CurrentHash, @PreviousHash, @CreatedAt, @ExpiresAt, @LastUsedAt, @EndedAt)
        ON CONFLICT DO NOTHING
        """, new
    {
        family.Id,
        family.CallerName,
        family.Caller,
        family.ClientId,
        family.Scope,
        Audiences = StoredJson.Write(family.Audiences),
        family.CurrentHash,
        family.PreviousHash,
        CreatedAt = family.CreatedAt.ToUnixTimeMilliseconds(),
        ExpiresAt = family.ExpiresAt.ToUnixTimeMilliseconds(),
        LastUsedAt = family.LastUsedAt?.ToUnixTimeMilliseconds(),
        EndedAt = family.EndedAt?.ToUnixTimeMilliseconds(),
    })), cancellation);

    public Task<RefreshFamily?> FamilyAsync(string id, CancellationToken cancellation) => ReadAsync(session => FamilyAsync(session, id), cancellation);

    public Task<IReadOnlyList<RefreshFamily>> FamiliesOfAsync(string callerName, CancellationToken cancellation) => ReadAsync(async session =>
    {
        var rows = await session.ListAsync<FamilyRow>($"SELECT {FamilyColumns} FROM refresh_families WHERE caller_name = @callerName AND ended_at IS NULL ORDER BY created_at", new { callerName });
        return (IReadOnlyList<RefreshFamily>)[.. rows.Select(row => row.ToFamily())];
    }, cancellation);

    public Task<RotateResult> RotateAsync(string familyId, string current, string next, string? previous, DateTimeOffset at, CancellationToken cancellation) => WriteAsync(async session =>
    {
        var now = at.ToUnixTimeMilliseconds();
        var isRotated = await session.ExecuteAsync("""
            UPDATE refresh_families SET current_hash = @next, previous_hash = @previous, last_used_at = @now
            WHERE id = @familyId AND current_hash = @current AND ended_at IS NULL AND expires_at > @now
            """, new { familyId, current, next, previous, now }) == 1;
        if (isRotated)
        {
            return (RotateResult.Rotated, true);
        }

        var family = await FamilyAsync(session, familyId);
        return (family is null ? RotateResult.Missing : family.EndedAt is not null || family.ExpiresAt <= at ? RotateResult.Ended : RotateResult.Superseded, false);
    }, cancellation);

    public Task<bool> EndFamilyAsync(string id, DateTimeOffset at, CancellationToken cancellation) => WriteAsync(async session => Changed(await session.ExecuteAsync(
        "UPDATE refresh_families SET ended_at = @Now WHERE id = @id AND ended_at IS NULL", new { id, Now = at.ToUnixTimeMilliseconds() })), cancellation);

    public Task<bool> PutAsync(OneTime item, CancellationToken cancellation) => WriteAsync(async session => Changed(await session.ExecuteAsync("""
        INSERT INTO one_time (kind, id, hash, data, version, expires_at, used_at) VALUES (@Kind, @Id, @Hash, @Data, 1, @ExpiresAt, @UsedAt) ON CONFLICT DO NOTHING
        """, new
    {
        Kind = item.Kind.ToString(),
        item.Id,
        item.Hash,
        item.Data,
        ExpiresAt = item.ExpiresAt.ToUnixTimeMilliseconds(),
        UsedAt = item.UsedAt?.ToUnixTimeMilliseconds(),
    })), cancellation);

    public Task<TakeResult> TakeAsync(OneTimeKind kind, string id, DateTimeOffset at, CancellationToken cancellation) => WriteAsync<TakeResult>(async session =>
    {
        // One statement asks and takes: the second of two gates finds it taken.
        var taken = await session.FirstAsync<OneTimeRow>($"""
            UPDATE one_time SET used_at = @Now WHERE kind = @Kind AND id = @id AND used_at IS NULL AND expires_at > @Now RETURNING {OneTimeColumns}
            """, new { Kind = kind.ToString(), id, Now = at.ToUnixTimeMilliseconds() });
        if (taken is not null)
        {
            return (new TakeResult.Taken(taken.ToItem()), true);
        }

        var item = await OneTimeAsync(session, kind, "id", id);
        return (item is null ? new TakeResult.Missing() : item.UsedAt is null ? new TakeResult.Expired() : new TakeResult.Used(item), false);
    }, cancellation);

    public Task<OneTime?> OneTimeAsync(OneTimeKind kind, string id, CancellationToken cancellation) => ReadAsync(session => OneTimeAsync(session, kind, "id", id), cancellation);

    public Task<OneTime?> OneTimeByHashAsync(OneTimeKind kind, string hash, CancellationToken cancellation) => ReadAsync(session => OneTimeAsync(session, kind, "hash", hash), cancellation);

    public Task<bool> UpdateAsync(OneTime item, CancellationToken cancellation) => WriteAsync(async session => Changed(await session.ExecuteAsync("""
        UPDATE one_time SET data = @Data, version = version + 1 WHERE kind = @Kind AND id = @Id AND version = @Version AND used_at IS NULL
        """, new { Kind = item.Kind.ToString(), item.Id, item.Version, item.Data })), cancellation);

    private static (bool Result, bool IsChanged) Changed(int rows) => (rows > 0, rows > 0);

    private static async Task<RefreshFamily?> FamilyAsync(StoreSession session, string id) =>
        (await session.FirstAsync<FamilyRow>($"SELECT {FamilyColumns} FROM refresh_families WHERE id = @id", new { id }))?.ToFamily();

    private static async Task<OneTime?> OneTimeAsync(StoreSession session, OneTimeKind kind, string column, string value) =>
        (await session.FirstAsync<OneTimeRow>($"SELECT {OneTimeColumns} FROM one_time WHERE kind = @Kind AND {column} = @value", new { Kind = kind.ToString(), value }))?.ToItem();

    private sealed record FamilyRow(
        string Id, string CallerName, string Caller, string ClientId, string Scope, string Audiences, string CurrentHash, string? PreviousHash, long CreatedAt, long ExpiresAt, long? LastUsedAt, long? EndedAt)
    {
        public RefreshFamily ToFamily() => new()
        {
            Id = Id,
            CallerName = CallerName,
            Caller = Caller,
            ClientId = ClientId,
            Scope = Scope,
            Audiences = [.. StoredJson.Read<string[]>(Audiences)],
            CurrentHash = CurrentHash,
            PreviousHash = PreviousHash,
            CreatedAt = At(CreatedAt),
            ExpiresAt = At(ExpiresAt),
            LastUsedAt = LastUsedAt is { } used ? At(used) : null,
            EndedAt = EndedAt is { } ended ? At(ended) : null,
        };
    }

    private sealed record OneTimeRow(string Kind, string Id, string? Hash, string Data, long Version, long ExpiresAt, long? UsedAt)
    {
        public OneTime ToItem() => new()
        {
            Kind = Named<OneTimeKind>(Kind),
            Id = Id,
            Hash = Hash,
            Data = Data,
            Version = Version,
            ExpiresAt = At(ExpiresAt),
            UsedAt = UsedAt is { } used ? At(used) : null,
        };
    }
}
