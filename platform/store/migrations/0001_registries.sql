-- The registries of transport discovery and messaging discovery. Times are seconds since 1970-01-01 UTC.

-- One row; locking it orders the writers of the change log by their commits.
CREATE TABLE counters (
    name TEXT PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO counters (name, value) VALUES ('changes', 0);

-- What changed, not how: readers get the present state of the subject.
CREATE TABLE changes (
    sequence BIGINT PRIMARY KEY,
    happened BIGINT NOT NULL,
    kind BIGINT NOT NULL,
    subject BYTEA NOT NULL
);

-- Leases are held by nodes, not by transports: a heartbeat without news writes one row. `transit` is null until the
-- node's first heartbeat.
CREATE TABLE nodes (
    node BYTEA PRIMARY KEY,
    renewed BIGINT NOT NULL,
    live BOOLEAN NOT NULL,
    transit BOOLEAN
);
CREATE INDEX nodes_by_renewal ON nodes (live, renewed);

-- A transport with what each of its edges says about it: whether it is up, since when it says so, and its latest
-- measurements that differed materially from those before. `sequence` is the transport's latest change.
CREATE TABLE transports (
    id BYTEA PRIMARY KEY,
    edge_a BYTEA NOT NULL,
    edge_b BYTEA NOT NULL,
    kind TEXT NOT NULL,
    issued BIGINT NOT NULL,
    signature_a BYTEA NOT NULL,
    signature_b BYTEA NOT NULL,
    up BOOLEAN NOT NULL,
    since BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    up_a BOOLEAN NOT NULL,
    said_a BIGINT NOT NULL,
    rtt_a BIGINT NOT NULL,
    loss_a BIGINT NOT NULL,
    use_a BIGINT NOT NULL,
    up_b BOOLEAN NOT NULL,
    said_b BIGINT NOT NULL,
    rtt_b BIGINT NOT NULL,
    loss_b BIGINT NOT NULL,
    use_b BIGINT NOT NULL
);
CREATE INDEX transports_by_edge_a ON transports (edge_a, id);
CREATE INDEX transports_by_edge_b ON transports (edge_b, id);
CREATE INDEX transports_by_state ON transports (up, since, id);

-- Entries issued up to `deleted` do not come back.
CREATE TABLE transport_tombstones (
    id BYTEA PRIMARY KEY,
    deleted BIGINT NOT NULL
);
CREATE INDEX transport_tombstones_by_age ON transport_tombstones (deleted);

-- Contact records. `kept` is when the last record of the subject expires that was ever accepted: until then the row
-- stays, so that no older record can replace the one that has expired. `sequence` is stored with its top bit turned
-- over, so that all 64 bits keep their order.
CREATE TABLE records (
    subject BYTEA PRIMARY KEY,
    sequence BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    kept BIGINT NOT NULL,
    kind BIGINT NOT NULL,
    draining BOOLEAN NOT NULL,
    load BIGINT NOT NULL,
    clients BIGINT NOT NULL,
    region TEXT NOT NULL,
    body BYTEA NOT NULL,
    signature BYTEA NOT NULL
);
CREATE INDEX records_by_keeping ON records (kept);
CREATE INDEX records_by_load ON records (kind, draining, load, subject);
