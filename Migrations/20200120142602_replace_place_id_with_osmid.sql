-- migrate:up
-- Addresses get a lasting key (OpenStreetMap's own id and type), which those at hand do not have: all of them are
-- deleted and looked up again by TeslaMate later.
UPDATE drives
SET start_address_id = NULL,
    end_address_id = NULL
WHERE start_address_id IS NOT NULL OR end_address_id IS NOT NULL;

UPDATE charging_processes
SET address_id = NULL
WHERE address_id IS NOT NULL;

DELETE FROM addresses;

ALTER SEQUENCE addresses_id_seq RESTART WITH 1;

-- Takes its unique index along.
ALTER TABLE addresses
    DROP COLUMN place_id,
    ADD COLUMN osm_id bigint,
    ADD COLUMN osm_type text;

CREATE UNIQUE INDEX addresses_osm_id_osm_type_index ON addresses (osm_id, osm_type);

-- migrate:down
-- The schema returns (place_id as last column); the addresses deleted on the way up do not.
ALTER TABLE addresses
    DROP COLUMN osm_id,
    DROP COLUMN osm_type,
    ADD COLUMN place_id integer;

CREATE UNIQUE INDEX addresses_place_id_index ON addresses (place_id);
