-- migrate:up
CREATE TABLE convoy_control.runs (
    id text PRIMARY KEY,
    fleet text NOT NULL,
    fleet_file text NOT NULL,
    direction text NOT NULL,
    target text,
    steps bigint,
    -- Of a correction: baseline or repair.
    kind text,
    -- Of a rollback that undoes another run.
    undone_run text,
    instances bigint NOT NULL,
    -- Started without gates and without the maintenance window.
    is_immediate boolean NOT NULL DEFAULT false,
    plan bytea NOT NULL,
    -- Of what a worker must have, so that it does the same as the others.
    set_checksum text,
    fleet_checksum text,
    started_at timestamptz NOT NULL,
    finished_at timestamptz,
    status text,
    convoy_version text NOT NULL,
    started_by text NOT NULL,
    abandoned_by text,
    -- The numbers that were given last; whoever gives one holds the row's lock, so that they have no gaps.
    last_event bigint NOT NULL DEFAULT 0,
    last_request bigint NOT NULL DEFAULT 0,
    turn bigint NOT NULL DEFAULT 0
);
CREATE INDEX runs_by_start ON convoy_control.runs (fleet, started_at, id);

CREATE TABLE convoy_control.events (
    run text NOT NULL REFERENCES convoy_control.runs (id) ON DELETE CASCADE,
    number bigint NOT NULL,
    -- Events of one turn are folded together.
    turn bigint NOT NULL,
    at timestamptz NOT NULL,
    -- By the server's clock: machines may disagree about the time.
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    type text NOT NULL,
    instance text,
    outcome text,
    json text NOT NULL,
    -- What is counted and compared without reading the JSON: of a migration that was applied, ...
    version bigint,
    direction text,
    seconds double precision,
    checkpoint bigint,
    -- ... of the end of an instance, whether it says at which version the instance is, ...
    is_learnt boolean,
    -- ... and of the end of the run.
    ending text,
    PRIMARY KEY (run, number)
);
CREATE INDEX outcomes_of_run ON convoy_control.events (run, instance, number, outcome) WHERE outcome IS NOT NULL;

CREATE TABLE convoy_control.requests (
    run text NOT NULL REFERENCES convoy_control.runs (id) ON DELETE CASCADE,
    number bigint NOT NULL,
    -- Made by the process that asks, so that a request whose COMMIT was not confirmed is not left twice.
    key text NOT NULL UNIQUE,
    kind text NOT NULL,
    argument text,
    requested_by text NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (run, number)
);

-- A process that holds a lock renews it; one that has expired may be taken by another process, with another token.
CREATE TABLE convoy_control.locks (
    name text PRIMARY KEY,
    token text NOT NULL,
    holder text NOT NULL,
    taken_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);

-- What happened in runs that were removed.
CREATE TABLE convoy_control.removed_totals (
    fleet text PRIMARY KEY,
    json text NOT NULL
);

-- migrate:down
DROP TABLE convoy_control.removed_totals;
DROP TABLE convoy_control.locks;
DROP TABLE convoy_control.requests;
DROP TABLE convoy_control.events;
DROP TABLE convoy_control.runs;
