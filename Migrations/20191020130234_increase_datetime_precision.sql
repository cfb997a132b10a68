-- migrate:up
-- Microseconds instead of whole seconds. Widening leaves the stored values alone; no table is rewritten.
ALTER TABLE charging_processes
    ALTER COLUMN start_date TYPE timestamp,
    ALTER COLUMN end_date TYPE timestamp;

ALTER TABLE drives
    ALTER COLUMN start_date TYPE timestamp,
    ALTER COLUMN end_date TYPE timestamp;

ALTER TABLE states
    ALTER COLUMN start_date TYPE timestamp,
    ALTER COLUMN end_date TYPE timestamp;

ALTER TABLE updates
    ALTER COLUMN start_date TYPE timestamp,
    ALTER COLUMN end_date TYPE timestamp;

ALTER TABLE charges
    ALTER COLUMN date TYPE timestamp;

ALTER TABLE positions
    ALTER COLUMN date TYPE timestamp;

-- migrate:down
-- Rounds to whole seconds and rewrites the tables.
ALTER TABLE charging_processes
    ALTER COLUMN start_date TYPE timestamp(0),
    ALTER COLUMN end_date TYPE timestamp(0);

ALTER TABLE drives
    ALTER COLUMN start_date TYPE timestamp(0),
    ALTER COLUMN end_date TYPE timestamp(0);

ALTER TABLE states
    ALTER COLUMN start_date TYPE timestamp(0),
    ALTER COLUMN end_date TYPE timestamp(0);

ALTER TABLE updates
    ALTER COLUMN start_date TYPE timestamp(0),
    ALTER COLUMN end_date TYPE timestamp(0);

ALTER TABLE charges
    ALTER COLUMN date TYPE timestamp(0);

ALTER TABLE positions
    ALTER COLUMN date TYPE timestamp(0);
