-- migrate:up
CREATE INDEX drives_start_position_id_index ON drives (start_position_id);

CREATE INDEX drives_end_position_id_index ON drives (end_position_id);

CREATE INDEX drives_start_geofence_id_index ON drives (start_geofence_id);

CREATE INDEX drives_end_geofence_id_index ON drives (end_geofence_id);

DROP INDEX geofences__earth_box_ll_to_earth_latitude__longitude___radius_i;

-- Only GiST answers whether a point lies in a box.
DROP INDEX addresses_ll_to_earth_latitude__longitude_index;

CREATE INDEX addresses_ll_to_earth_latitude__longitude_index
    ON addresses USING gist (ll_to_earth(latitude, longitude));

DROP INDEX positions_ll_to_earth_latitude__longitude_index;

CREATE INDEX positions_ll_to_earth_latitude__longitude_index
    ON positions USING gist (ll_to_earth(latitude, longitude));

-- migrate:down
DROP INDEX positions_ll_to_earth_latitude__longitude_index;

CREATE INDEX positions_ll_to_earth_latitude__longitude_index
    ON positions (ll_to_earth(latitude, longitude));

DROP INDEX addresses_ll_to_earth_latitude__longitude_index;

CREATE INDEX addresses_ll_to_earth_latitude__longitude_index
    ON addresses (ll_to_earth(latitude, longitude));

CREATE INDEX geofences__earth_box_ll_to_earth_latitude__longitude___radius_i
    ON geofences (earth_box(ll_to_earth(latitude, longitude), radius));

DROP INDEX drives_end_geofence_id_index;

DROP INDEX drives_start_geofence_id_index;

DROP INDEX drives_end_position_id_index;

DROP INDEX drives_start_position_id_index;
