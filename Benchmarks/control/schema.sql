-- The tables of a control database that a decision reads and writes, with one run of 20,000 finished instances.
CREATE SCHEMA convoy_control;
CREATE TABLE convoy_control.runs (
    id text PRIMARY KEY, status text, turn bigint NOT NULL, last_event bigint NOT NULL, served_request bigint NOT NULL DEFAULT 0,
    last_request bigint NOT NULL DEFAULT 0, last_assignment bigint NOT NULL, resumed_by text, finished_at timestamptz
) WITH (fillfactor = 50);
CREATE TABLE convoy_control.events (
    run text NOT NULL REFERENCES convoy_control.runs, number bigint NOT NULL, turn bigint NOT NULL, at timestamptz NOT NULL,
    type text NOT NULL, instance text, outcome text, json text NOT NULL, recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (run, number)
);
CREATE TABLE convoy_control.requests (run text NOT NULL, number bigint NOT NULL, kind text, argument text, PRIMARY KEY (run, number));
CREATE TABLE convoy_control.workers (id text PRIMARY KEY, last_decision bigint NOT NULL DEFAULT 0) WITH (fillfactor = 50);
CREATE TABLE convoy_control.assignments (
    run text NOT NULL REFERENCES convoy_control.runs, number bigint NOT NULL, kind text NOT NULL, subject text NOT NULL, wave text,
    server text, state text NOT NULL, worker text, attempt bigint NOT NULL, lease_until timestamptz, ended_at timestamptz,
    PRIMARY KEY (run, number)
);
CREATE UNIQUE INDEX open_assignments ON convoy_control.assignments (run, kind, subject) WHERE state IN ('waiting', 'claimed');
CREATE INDEX waiting_assignments ON convoy_control.assignments (run, number) WHERE state = 'waiting';
CREATE INDEX leases ON convoy_control.assignments (run, lease_until) WHERE state = 'claimed';
CREATE INDEX leases_of_worker ON convoy_control.assignments (worker, run, number) WHERE state = 'claimed';

INSERT INTO convoy_control.runs (id, turn, last_event, last_assignment) VALUES ('run', 20000, 120000, 20064);
INSERT INTO convoy_control.workers (id) SELECT 'w' || g FROM generate_series(0, 63) AS g;
INSERT INTO convoy_control.events (run, number, turn, at, type, instance, json)
SELECT 'run', g, g / 6, now(), 'migration_applied', 'tenant-' || g / 6, repeat('x', 240) FROM generate_series(1, 120000) AS g;
INSERT INTO convoy_control.assignments (run, number, kind, subject, wave, server, state, worker, attempt)
SELECT 'run', g, 'change', 'tenant-' || g, 'rest', 'pg-1', 'done', 'w1', 1 FROM generate_series(1, 20000) AS g;
-- Each worker has one in progress.
INSERT INTO convoy_control.assignments (run, number, kind, subject, wave, server, state, worker, attempt, lease_until)
SELECT 'run', 20001 + g, 'change', 'tenant-' || 20001 + g, 'rest', 'pg-1', 'claimed', 'w' || g, 1, now() + interval '1 hour'
FROM generate_series(0, 63) AS g;
ANALYZE;
