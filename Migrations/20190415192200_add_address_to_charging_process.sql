-- migrate:up
ALTER TABLE charging_processes
    ADD COLUMN address_id bigint CONSTRAINT charging_processes_address_id_fkey REFERENCES addresses (id);

-- migrate:down
ALTER TABLE charging_processes
    DROP COLUMN address_id;
