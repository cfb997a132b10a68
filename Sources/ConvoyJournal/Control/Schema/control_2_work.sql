-- migrate:up
ALTER TABLE convoy_control.runs
    -- Carried out by workers, and not by the process that began it.
    ADD COLUMN for_workers boolean NOT NULL DEFAULT false,
    -- The version of Convoy that its workers must have.
    ADD COLUMN worker_version text,
    -- Made by the process that hands it over to workers, each time anew: one that knows an earlier one may have other files, and works on it no more.
    ADD COLUMN hand_over text NOT NULL DEFAULT '' CHECK (length(hand_over) <= 64),
    -- The person who asked to resume it, until a worker has.
    ADD COLUMN resumed_by text,
    -- The last request that a decision has answered.
    ADD COLUMN served_request bigint NOT NULL DEFAULT 0,
    ADD COLUMN last_assignment bigint NOT NULL DEFAULT 0;
CREATE INDEX open_runs ON convoy_control.runs (fleet, recorded_at) WHERE status IS NULL AND for_workers;

CREATE TABLE convoy_control.workers (
    id text PRIMARY KEY,
    fleet text NOT NULL,
    convoy_version text NOT NULL,
    -- What it takes at most at a time, and what it has.
    capacity bigint NOT NULL,
    running bigint NOT NULL,
    is_draining boolean NOT NULL,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp() CHECK (isfinite(seen_at)),
    -- Counts its decisions, so that it can tell whether one whose COMMIT was not confirmed was committed.
    last_decision bigint NOT NULL DEFAULT 0
);
CREATE INDEX workers_of_fleet ON convoy_control.workers (fleet, seen_at);

-- What a run has asked for: the change of an instance, a hook, a gate, a watch.
CREATE TABLE convoy_control.assignments (
    run text NOT NULL REFERENCES convoy_control.runs (id) ON DELETE CASCADE,
    number bigint NOT NULL,
    kind text NOT NULL,
    -- An instance, a wave or a server.
    subject text NOT NULL,
    wave text,
    server text,
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'claimed', 'done', 'withdrawn')),
    worker text,
    -- Rises with each claim; a report counts only with the present one.
    attempt bigint NOT NULL DEFAULT 0,
    -- By the server's clock.
    lease_until timestamptz CHECK (isfinite(lease_until)),
    -- The operator asked to cancel what is in progress.
    is_cancelled boolean NOT NULL DEFAULT false,
    -- Who approved the gate.
    approved_by text,
    begun_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at timestamptz,
    PRIMARY KEY (run, number),
    CHECK (state <> 'claimed' OR worker IS NOT NULL AND lease_until IS NOT NULL)
);
-- Nothing is given out twice.
CREATE UNIQUE INDEX open_assignments ON convoy_control.assignments (run, kind, subject) WHERE state IN ('waiting', 'claimed');
CREATE INDEX waiting_assignments ON convoy_control.assignments (run, number) WHERE state = 'waiting';
CREATE INDEX leases ON convoy_control.assignments (run, lease_until) WHERE state = 'claimed';
CREATE INDEX leases_of_worker ON convoy_control.assignments (worker, run, number) WHERE state = 'claimed';

-- migrate:down
DROP TABLE convoy_control.assignments;
DROP TABLE convoy_control.workers;
DROP INDEX convoy_control.open_runs;
ALTER TABLE convoy_control.runs
    DROP COLUMN for_workers,
    DROP COLUMN worker_version,
    DROP COLUMN hand_over,
    DROP COLUMN resumed_by,
    DROP COLUMN served_request,
    DROP COLUMN last_assignment;
