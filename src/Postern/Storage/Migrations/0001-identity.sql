-- Both databases read this. Text for hashes and JSON, 64-bit numbers for the rest; times are milliseconds since 1970.
-- Objects stand whole in "data", as JSON; beside it stands what the database must know. A field more in the JSON is a migration too, even an empty one:
-- an older gate would drop it at its next write.

CREATE TABLE store_state (
    store TEXT NOT NULL,
    -- Every write of what gates hold in memory takes the next number, and with it the only lock: numbers are in the order of commits.
    revision BIGINT NOT NULL,
    -- Tombstones up to this revision have been forgotten: who is further back reads everything.
    forgotten BIGINT NOT NULL
);

-- Accounts and users share their names.
CREATE TABLE names (
    name TEXT NOT NULL PRIMARY KEY,
    owner_id TEXT NOT NULL UNIQUE
);

CREATE TABLE accounts (
    id TEXT NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    data TEXT NOT NULL
);
CREATE INDEX accounts_revision ON accounts (revision);

CREATE TABLE users (
    id TEXT NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    data TEXT NOT NULL
);
CREATE INDEX users_revision ON users (revision);

CREATE TABLE api_keys (
    id TEXT NOT NULL PRIMARY KEY,
    owner_id TEXT NOT NULL,
    version BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    data TEXT NOT NULL
);
CREATE INDEX api_keys_owner ON api_keys (owner_id);
CREATE INDEX api_keys_revision ON api_keys (revision);

CREATE TABLE key_uses (
    key_id TEXT NOT NULL PRIMARY KEY,
    used_at BIGINT NOT NULL,
    address TEXT
);

CREATE TABLE revocations (
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    revoked_at BIGINT NOT NULL,
    until_at BIGINT,
    revoked_by TEXT NOT NULL,
    revision BIGINT NOT NULL,
    PRIMARY KEY (kind, value)
);
CREATE INDEX revocations_revision ON revocations (revision);

CREATE TABLE tombstones (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    revision BIGINT NOT NULL,
    deleted_at BIGINT NOT NULL,
    PRIMARY KEY (kind, id)
);
CREATE INDEX tombstones_revision ON tombstones (revision);

CREATE TABLE refresh_families (
    id TEXT NOT NULL PRIMARY KEY,
    caller_name TEXT NOT NULL,
    caller TEXT NOT NULL,
    client_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    audiences TEXT NOT NULL,
    current_hash TEXT NOT NULL,
    previous_hash TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    last_used_at BIGINT,
    ended_at BIGINT
);
CREATE INDEX refresh_families_caller ON refresh_families (caller_name);
CREATE INDEX refresh_families_expiry ON refresh_families (expires_at);

CREATE TABLE one_time (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    hash TEXT,
    data TEXT NOT NULL,
    version BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT,
    PRIMARY KEY (kind, id),
    UNIQUE (kind, hash)
);
CREATE INDEX one_time_expiry ON one_time (expires_at);
