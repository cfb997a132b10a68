UPDATE drives
SET start_address_id = NULL,
    end_address_id = NULL
WHERE start_address_id IS NOT NULL OR end_address_id IS NOT NULL;

UPDATE charging_processes
SET address_id = NULL
WHERE address_id IS NOT NULL;

DELETE FROM addresses;

ALTER SEQUENCE addresses_id_seq RESTART WITH 1;

ALTER TABLE addresses
    DROP COLUMN place_id,
    ADD COLUMN osm_id bigint,
    ADD COLUMN osm_type text;

CREATE UNIQUE INDEX addresses_osm_id_osm_type_index ON addresses (osm_id, osm_type);

