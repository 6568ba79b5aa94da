namespace Postern.Storage;

/// <summary>What a backup holds, table by table. A test compares this with the schema.</summary>
internal sealed record StoreTable(string Name, IReadOnlyList<string> Columns)
{
    public static readonly IReadOnlyList<StoreTable> All =
    [
        new("names", ["name", "owner_id"]),
        new("accounts", ["id", "version", "revision", "data"]),
        new("users", ["id", "version", "revision", "data"]),
        new("api_keys", ["id", "owner_id", "version", "revision", "data"]),
        new("key_uses", ["key_id", "used_at", "address"]),
        new("revocations", ["kind", "value", "revoked_at", "until_at", "revoked_by", "revision"]),
        new("tombstones", ["kind", "id", "revision", "deleted_at"]),
        new("refresh_families", ["id", "caller_name", "caller", "client_id", "scope", "audiences", "current_hash", "previous_hash", "created_at", "expires_at", "last_used_at", "ended_at"]),
        new("browser_sessions", ["id", "version", "revision", "expires_at", "data"]),
        new("one_time", ["kind", "id", "hash", "data", "version", "expires_at", "used_at"]),
    ];

    public string SelectSql => $"SELECT {string.Join(", ", Columns)} FROM {Name}";
}
