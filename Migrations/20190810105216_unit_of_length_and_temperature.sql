-- migrate:up
CREATE TYPE length AS ENUM ('km', 'mi');

CREATE TYPE temperature AS ENUM ('C', 'F');

ALTER TABLE settings
    ADD COLUMN unit_of_length length NOT NULL DEFAULT 'km',
    ADD COLUMN unit_of_temperature temperature NOT NULL DEFAULT 'C';

-- The choice can only be carried over from exactly one settings row.
DO $$
DECLARE
    found bigint := (SELECT count(*) FROM settings);
BEGIN
    IF found = 0 THEN
        RAISE EXCEPTION 'table settings is empty, but must have exactly one row'
            USING ERRCODE = 'no_data_found',
                HINT = 'Insert one settings row, then migrate again.';
    ELSIF found > 1 THEN
        RAISE EXCEPTION 'table settings has % rows, but must have exactly one', found
            USING ERRCODE = 'too_many_rows',
                HINT = 'Delete the surplus settings rows, then migrate again.';
    END IF;
END
$$;

-- Imperial units meant miles and Fahrenheit; the defaults are right for everybody else.
UPDATE settings
SET unit_of_length = 'mi',
    unit_of_temperature = 'F'
WHERE use_imperial_units;

ALTER TABLE settings
    DROP COLUMN use_imperial_units;

-- migrate:down
-- The choice of units is lost, as in TeslaMate: the column comes back as false, and as the last one.
ALTER TABLE settings
    DROP COLUMN unit_of_length,
    DROP COLUMN unit_of_temperature,
    ADD COLUMN use_imperial_units boolean NOT NULL DEFAULT false;

DROP TYPE length;

DROP TYPE temperature;
