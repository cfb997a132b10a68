-- migrate:up
ALTER TABLE drives
    ADD COLUMN start_position_id bigint CONSTRAINT drives_start_position_id_fkey REFERENCES positions (id),
    ADD COLUMN end_position_id bigint CONSTRAINT drives_end_position_id_fkey REFERENCES positions (id),
    ADD COLUMN start_geofence_id bigint CONSTRAINT drives_start_geofence_id_fkey REFERENCES geofences (id),
    ADD COLUMN end_geofence_id bigint CONSTRAINT drives_end_geofence_id_fkey REFERENCES geofences (id);

ALTER TABLE charging_processes
    ADD COLUMN geofence_id bigint CONSTRAINT charging_processes_geofence_id_fkey REFERENCES geofences (id);

-- The geofences of addresses are given up: from now on drives and charging processes refer to geofences themselves.
-- Foreign key and index go with the column.
ALTER TABLE addresses
    DROP COLUMN geofence_id;

CREATE INDEX positions_ll_to_earth_latitude__longitude_index
    ON positions (ll_to_earth(latitude, longitude));

-- migrate:down
DROP INDEX positions_ll_to_earth_latitude__longitude_index;

-- Comes back empty: which address lay in which geofence was discarded on the way up.
ALTER TABLE addresses
    ADD COLUMN geofence_id bigint CONSTRAINT addresses_geofence_id_fkey REFERENCES geofences (id);

-- TeslaMate does not bring this index back; here it returns, so that the schema is what it was before.
CREATE INDEX addresses_geofence_id_index ON addresses (geofence_id);

ALTER TABLE charging_processes
    DROP COLUMN geofence_id;

ALTER TABLE drives
    DROP COLUMN start_position_id,
    DROP COLUMN end_position_id,
    DROP COLUMN start_geofence_id,
    DROP COLUMN end_geofence_id;
