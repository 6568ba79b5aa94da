-- Users have sessionVersion in their JSON. Rows needn't change: where the field isn't written, it is 1.
UPDATE store_state SET forgotten = forgotten;
