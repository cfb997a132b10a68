-- migrate:up
ALTER TABLE positions
    ADD COLUMN usable_battery_level integer;

-- migrate:down
ALTER TABLE positions
    DROP COLUMN usable_battery_level;
