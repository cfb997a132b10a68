-- migrate:up
ALTER TABLE charging_processes
    DROP COLUMN charge_energy_used_confidence,
    DROP COLUMN interval_sec;

-- migrate:down
-- Come back empty, in the order they had.
ALTER TABLE charging_processes
    ADD COLUMN charge_energy_used_confidence double precision,
    ADD COLUMN interval_sec integer;
