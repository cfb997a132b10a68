-- migrate:up
ALTER TABLE positions
    ADD COLUMN est_battery_range_km double precision;

-- migrate:down
ALTER TABLE positions
    DROP COLUMN est_battery_range_km;
