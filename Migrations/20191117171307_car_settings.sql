-- migrate:up
-- The sleep settings move from the one settings row to a row for each car: without exactly one row, or with values
-- that a car may not have, there is nothing sensible to copy.
DO $check$
DECLARE
    rows_found bigint;
    idle_min integer;
    before_retry_min integer;
BEGIN
    SELECT count(*), min(suspend_after_idle_min), min(suspend_min)
    INTO rows_found, idle_min, before_retry_min
    FROM settings;

    IF rows_found = 0 THEN
        RAISE EXCEPTION 'table settings is empty, but the settings of the cars are copied from its one row'
            USING ERRCODE = 'no_data_found',
                  HINT = 'Run INSERT INTO settings (inserted_at, updated_at) VALUES (now(), now()), then migrate again.';
    ELSIF rows_found > 1 THEN
        RAISE EXCEPTION 'table settings has % rows, but the settings of the cars are copied from exactly one', rows_found
            USING ERRCODE = 'too_many_rows',
                  HINT = 'Delete all rows of settings but the one that is in use, then migrate again.';
    END IF;

    IF EXISTS (SELECT FROM cars) THEN
        IF before_retry_min <= 0 OR before_retry_min > 90 THEN
            RAISE EXCEPTION 'settings.suspend_min is %, allowed are 1 to 90 minutes', before_retry_min
                USING ERRCODE = 'check_violation',
                      HINT = 'Set settings.suspend_min to a value from 1 to 90, then migrate again.';
        ELSIF idle_min <= 0 OR idle_min > 60 THEN
            RAISE EXCEPTION 'settings.suspend_after_idle_min is %, allowed are 1 to 60 minutes', idle_min
                USING ERRCODE = 'check_violation',
                      HINT = 'Set settings.suspend_after_idle_min to a value from 1 to 60, then migrate again.';
        END IF;
    END IF;
END
$check$;

CREATE TABLE car_settings (
    id bigserial CONSTRAINT car_settings_pkey PRIMARY KEY,
    suspend_min integer NOT NULL DEFAULT 21,
    suspend_after_idle_min integer NOT NULL DEFAULT 15,
    req_no_shift_state_reading boolean NOT NULL DEFAULT false,
    req_no_temp_reading boolean NOT NULL DEFAULT false,
    req_not_unlocked boolean NOT NULL DEFAULT true
);

ALTER TABLE cars
    ADD COLUMN settings_id bigint;

-- One copy for each car, numbered in the order in which the cars are stored.
WITH numbered_cars AS (
    SELECT id, row_number() OVER (ORDER BY ctid) AS number
    FROM cars
),
copies AS (
    INSERT INTO car_settings (
        suspend_min, suspend_after_idle_min, req_no_shift_state_reading, req_no_temp_reading, req_not_unlocked
    )
    SELECT
        settings.suspend_min, settings.suspend_after_idle_min, settings.req_no_shift_state_reading,
        settings.req_no_temp_reading, settings.req_not_unlocked
    FROM numbered_cars
    CROSS JOIN settings
    ORDER BY numbered_cars.number
    RETURNING id
),
numbered_copies AS (
    SELECT id, row_number() OVER (ORDER BY id) AS number
    FROM copies
)
UPDATE cars
SET settings_id = numbered_copies.id
FROM numbered_cars
JOIN numbered_copies ON numbered_copies.number = numbered_cars.number
WHERE cars.id = numbered_cars.id;

ALTER TABLE cars
    ALTER COLUMN settings_id SET NOT NULL,
    ADD CONSTRAINT cars_settings_id_fkey FOREIGN KEY (settings_id) REFERENCES car_settings (id);

CREATE UNIQUE INDEX cars_settings_id_index ON cars (settings_id);

ALTER TABLE settings
    DROP COLUMN suspend_min,
    DROP COLUMN suspend_after_idle_min,
    DROP COLUMN req_no_shift_state_reading,
    DROP COLUMN req_no_temp_reading,
    DROP COLUMN req_not_unlocked;

-- migrate:down
-- The settings come back with their defaults, as last columns: cars may differ from each other, so the values of
-- the cars are not copied back.
ALTER TABLE settings
    ADD COLUMN suspend_min integer NOT NULL DEFAULT 21,
    ADD COLUMN suspend_after_idle_min integer NOT NULL DEFAULT 15,
    ADD COLUMN req_no_shift_state_reading boolean NOT NULL DEFAULT false,
    ADD COLUMN req_no_temp_reading boolean NOT NULL DEFAULT false,
    ADD COLUMN req_not_unlocked boolean NOT NULL DEFAULT true;

-- Takes its foreign key and its unique index along.
ALTER TABLE cars
    DROP COLUMN settings_id;

DROP TABLE car_settings;
