-- migrate:up
ALTER TABLE charging_processes ALTER COLUMN start_date SET NOT NULL;

-- migrate:down
ALTER TABLE charging_processes ALTER COLUMN start_date DROP NOT NULL;
