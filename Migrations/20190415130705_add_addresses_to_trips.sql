-- migrate:up
-- The free-text addresses are discarded: they cannot be matched to rows of addresses.
ALTER TABLE trips
    DROP COLUMN start_address,
    DROP COLUMN end_address,
    ADD COLUMN start_address_id bigint CONSTRAINT trips_start_address_id_fkey REFERENCES addresses (id),
    ADD COLUMN end_address_id bigint CONSTRAINT trips_end_address_id_fkey REFERENCES addresses (id);

-- migrate:down
-- The text columns come back empty and, as in TeslaMate, as the last columns of the table.
ALTER TABLE trips
    DROP COLUMN start_address_id,
    DROP COLUMN end_address_id,
    ADD COLUMN start_address varchar(255),
    ADD COLUMN end_address varchar(255);
