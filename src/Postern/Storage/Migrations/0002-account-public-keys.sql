-- Accounts have publicKeys in their JSON. Rows needn't change: where the field isn't written, there are none.
UPDATE store_state SET forgotten = forgotten;
