-- Registries of millions of rows: what lets a heartbeat be taken without reading transports, counts that need no counting,
-- and an index for each listing.

-- `changed` is the number of the latest change to one of the node's transports. `said` and `mark` are those of the latest
-- heartbeat: when the node signed it, and which of that second's it was.
ALTER TABLE nodes ADD COLUMN changed BIGINT NOT NULL DEFAULT 0;
ALTER TABLE nodes ADD COLUMN said BIGINT NOT NULL DEFAULT 0;
ALTER TABLE nodes ADD COLUMN mark BIGINT NOT NULL DEFAULT 0;

CREATE TABLE transport_counts (
    kind TEXT NOT NULL,
    up BOOLEAN NOT NULL,
    n BIGINT NOT NULL,
    PRIMARY KEY (kind, up)
);
INSERT INTO transport_counts (kind, up, n) SELECT kind, up, COUNT(*) FROM transports GROUP BY kind, up;
INSERT INTO counters (name, value) SELECT 'nodes', COUNT(*) FROM nodes;

-- Written to see whether the database takes writes.
INSERT INTO counters (name, value) VALUES ('checks', 0);

DROP INDEX transports_by_state;
CREATE INDEX transports_by_state ON transports (up, id);
CREATE INDEX transports_by_kind ON transports (kind, id);
CREATE INDEX transports_down ON transports (since) WHERE NOT up;
