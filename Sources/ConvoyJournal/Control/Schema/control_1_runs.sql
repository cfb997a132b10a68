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
    -- Of the fleet file, which a worker must have as the others have it.
    fleet_checksum text,
    started_at timestamptz NOT NULL CHECK (isfinite(started_at)),
    finished_at timestamptz CHECK (isfinite(finished_at)),
    -- By the server's clock, like the order of runs: machines may disagree about the time.
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp() CHECK (isfinite(recorded_at)),
    status text,
    convoy_version text NOT NULL,
    started_by text NOT NULL,
    abandoned_by text,
    -- The numbers that were given last; whoever gives one holds the row's lock, so that they have no gaps.
    last_event bigint NOT NULL DEFAULT 0,
    last_request bigint NOT NULL DEFAULT 0,
    turn bigint NOT NULL DEFAULT 0
);
CREATE INDEX runs_by_recording ON convoy_control.runs (fleet, recorded_at, id);

CREATE TABLE convoy_control.events (
    run text NOT NULL REFERENCES convoy_control.runs (id) ON DELETE CASCADE,
    -- As far as JavaScript counts; a bigint has room above it.
    number bigint NOT NULL CHECK (number BETWEEN 1 AND 9007199254740991),
    -- Events of one turn are folded together.
    turn bigint NOT NULL,
    at timestamptz NOT NULL CHECK (isfinite(at) AND at < '10000-01-01'),
    -- By the server's clock; in microseconds it fits into a bigint.
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp() CHECK (isfinite(recorded_at) AND recorded_at < '10000-01-01'),
    type text NOT NULL,
    instance text,
    outcome text,
    json text NOT NULL,
    -- What is counted and compared without reading the JSON: of a migration that was applied, ...
    version bigint,
    direction text,
    -- NaN is larger than every number.
    seconds double precision CHECK (seconds >= 0 AND seconds < 1e9),
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
    number bigint NOT NULL CHECK (number BETWEEN 1 AND 9007199254740991),
    -- Made by the process that asks, so that a request whose COMMIT was not confirmed is not left twice.
    key text NOT NULL UNIQUE,
    kind text NOT NULL,
    argument text,
    requested_by text NOT NULL,
    at timestamptz NOT NULL CHECK (isfinite(at)),
    -- By the server's clock.
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp() CHECK (isfinite(recorded_at)),
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

-- Writes events of a run and what they make of its row, all or nothing. As a function, a session plans the statements once, also behind a pooler. The
-- lock's row is locked before the run's, so that both hold to the end of the transaction. Gives false where something is not as the caller says.
CREATE FUNCTION convoy_control.append_events(
    the_run text, the_token text, known_event bigint, is_end boolean, new_status text, new_end timestamptz, is_reopening boolean,
    longest_wait text, is_awaited boolean, all_at timestamptz[], all_types text[], all_instances text[], all_outcomes text[], all_json text[],
    all_versions bigint[], all_directions text[], all_seconds double precision[], all_checkpoints bigint[], all_learnt boolean[],
    all_endings text[]
) RETURNS boolean LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    present_token text;
    is_held boolean;
    new_turn bigint;
BEGIN
    -- All hold to the end of the transaction. A commit is waited for even where the database's own setting does not.
    PERFORM set_config('lock_timeout', longest_wait, true);
    -- Where the client vanishes before its COMMIT arrives.
    PERFORM set_config('idle_in_transaction_session_timeout', longest_wait, true);
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    SELECT token, expires_at >= clock_timestamp() INTO present_token, is_held
        FROM convoy_control.locks WHERE name = the_run FOR NO KEY UPDATE;
    IF the_token IS NULL AND coalesce(is_held, false) OR the_token IS NOT NULL AND the_token IS DISTINCT FROM present_token THEN
        RETURN false;
    END IF;
    UPDATE convoy_control.runs SET last_event = last_event + cardinality(all_at), turn = turn + 1,
        status = CASE WHEN is_end THEN new_status ELSE status END,
        finished_at = CASE WHEN is_end THEN new_end ELSE finished_at END
        WHERE id = the_run AND last_event = known_event AND NOT (is_reopening AND abandoned_by IS NOT NULL)
        RETURNING turn INTO new_turn;
    IF new_turn IS NULL THEN
        RETURN false;
    END IF;
    INSERT INTO convoy_control.events (run, number, turn, at, type, instance, outcome, json, version, direction, seconds, checkpoint,
            is_learnt, ending)
        SELECT the_run, known_event + e.ordinality, new_turn, e.at, e.type, e.instance, e.outcome, e.json, e.version, e.direction, e.seconds,
            e.checkpoint, e.is_learnt, e.ending
        FROM unnest(all_at, all_types, all_instances, all_outcomes, all_json, all_versions, all_directions, all_seconds, all_checkpoints,
            all_learnt, all_endings) WITH ORDINALITY
            AS e (at, type, instance, outcome, json, version, direction, seconds, checkpoint, is_learnt, ending, ordinality);
    -- Those who listen look at the run. What is written is worth more than that: a full queue would refuse both.
    IF is_awaited AND pg_notification_queue_usage() < 0.9 THEN
        PERFORM pg_notify('convoy_control', the_run);
    END IF;
    RETURN true;
END
$function$;

-- migrate:down
DROP FUNCTION convoy_control.append_events;
DROP TABLE convoy_control.removed_totals;
DROP TABLE convoy_control.locks;
DROP TABLE convoy_control.requests;
DROP TABLE convoy_control.events;
DROP TABLE convoy_control.runs;
