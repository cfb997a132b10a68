-- migrate:up
ALTER TABLE positions
    ADD COLUMN battery_range_km double precision;

-- migrate:down
ALTER TABLE positions
    DROP COLUMN battery_range_km;
