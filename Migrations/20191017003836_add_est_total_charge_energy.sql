-- migrate:up
ALTER TABLE charging_processes
    ADD COLUMN charge_energy_used double precision,
    ADD COLUMN charge_energy_used_confidence double precision,
    ADD COLUMN interval_sec integer;

-- migrate:down
ALTER TABLE charging_processes
    DROP COLUMN charge_energy_used,
    DROP COLUMN charge_energy_used_confidence,
    DROP COLUMN interval_sec;
