-- migrate:up
ALTER TABLE cars
    ADD COLUMN vin text,
    ADD COLUMN name text,
    ADD COLUMN version text;

-- migrate:down
ALTER TABLE cars
    DROP COLUMN vin,
    DROP COLUMN name,
    DROP COLUMN version;
