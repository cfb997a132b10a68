-- migrate:up
-- Why workers take no part in a run. It counts while the worker lives.
CREATE TABLE convoy_control.refusals (
    run text NOT NULL REFERENCES convoy_control.runs (id) ON DELETE CASCADE,
    worker text NOT NULL REFERENCES convoy_control.workers (id) ON DELETE CASCADE,
    reason text NOT NULL,
    -- What to do about it.
    hint text NOT NULL,
    refused_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (run, worker)
);
CREATE INDEX refusals_of_worker ON convoy_control.refusals (worker);

-- migrate:down
DROP TABLE convoy_control.refusals;
