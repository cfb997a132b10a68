-- migrate:up
ALTER TABLE charging_processes RENAME COLUMN start_soc TO start_range_km;

ALTER TABLE charging_processes RENAME COLUMN end_soc TO end_range_km;

-- migrate:down
ALTER TABLE charging_processes RENAME COLUMN end_range_km TO end_soc;

ALTER TABLE charging_processes RENAME COLUMN start_range_km TO start_soc;
