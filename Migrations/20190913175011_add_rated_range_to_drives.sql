-- migrate:up
-- The plain ranges of drives and charging processes were the ideal ones, that of positions was the rated one.
ALTER TABLE positions RENAME COLUMN battery_range_km TO rated_battery_range_km;

ALTER TABLE drives RENAME COLUMN start_range_km TO start_ideal_range_km;

ALTER TABLE drives RENAME COLUMN end_range_km TO end_ideal_range_km;

ALTER TABLE drives
    DROP COLUMN efficiency,
    ADD COLUMN start_rated_range_km double precision,
    ADD COLUMN end_rated_range_km double precision;

ALTER TABLE charging_processes RENAME COLUMN start_range_km TO start_ideal_range_km;

ALTER TABLE charging_processes RENAME COLUMN end_range_km TO end_ideal_range_km;

ALTER TABLE charging_processes
    DROP COLUMN calculated_max_range,
    ADD COLUMN start_rated_range_km double precision,
    ADD COLUMN end_rated_range_km double precision;

ALTER TABLE charges
    ADD COLUMN rated_battery_range_km double precision;

-- migrate:down
-- The two dropped columns come back empty and as the last ones. calculated_max_range is an integer
-- again, as it was; TeslaMate itself brings it back as double precision.
ALTER TABLE charges
    DROP COLUMN rated_battery_range_km;

ALTER TABLE charging_processes
    DROP COLUMN start_rated_range_km,
    DROP COLUMN end_rated_range_km,
    ADD COLUMN calculated_max_range integer;

ALTER TABLE charging_processes RENAME COLUMN start_ideal_range_km TO start_range_km;

ALTER TABLE charging_processes RENAME COLUMN end_ideal_range_km TO end_range_km;

ALTER TABLE drives
    DROP COLUMN start_rated_range_km,
    DROP COLUMN end_rated_range_km,
    ADD COLUMN efficiency double precision;

ALTER TABLE drives RENAME COLUMN start_ideal_range_km TO start_range_km;

ALTER TABLE drives RENAME COLUMN end_ideal_range_km TO end_range_km;

ALTER TABLE positions RENAME COLUMN rated_battery_range_km TO battery_range_km;
