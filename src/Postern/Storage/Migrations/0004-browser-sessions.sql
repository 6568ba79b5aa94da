-- Sessions of browsers. Every gate holds them in memory, as it does accounts: a session that is deleted ends everywhere.
CREATE TABLE browser_sessions (
    id TEXT NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    data TEXT NOT NULL
);
CREATE INDEX browser_sessions_revision ON browser_sessions (revision);
CREATE INDEX browser_sessions_expiry ON browser_sessions (expires_at);
