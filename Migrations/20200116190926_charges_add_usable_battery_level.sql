-- migrate:up
ALTER TABLE charges
    ADD COLUMN usable_battery_level integer;

-- migrate:down
ALTER TABLE charges
    DROP COLUMN usable_battery_level;
