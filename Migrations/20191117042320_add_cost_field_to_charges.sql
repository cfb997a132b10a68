-- migrate:up
ALTER TABLE charging_processes
    ADD COLUMN cost numeric(6,2);

-- migrate:down
ALTER TABLE charging_processes
    DROP COLUMN cost;
