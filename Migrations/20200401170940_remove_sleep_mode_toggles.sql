-- migrate:up
-- The sleep mode flag of each car and its lists of geofences are lost.
ALTER TABLE car_settings DROP COLUMN sleep_mode_enabled;

DROP TABLE geofence_sleep_mode_whitelist, geofence_sleep_mode_blacklist;

-- migrate:down
-- The lists come back empty, the flag with its default and as the last column.
CREATE TABLE geofence_sleep_mode_blacklist (
    car_id bigint NOT NULL REFERENCES cars (id) ON DELETE CASCADE,
    geofence_id bigint NOT NULL REFERENCES geofences (id) ON DELETE CASCADE,
    PRIMARY KEY (car_id, geofence_id)
);

CREATE TABLE geofence_sleep_mode_whitelist (
    car_id bigint NOT NULL REFERENCES cars (id) ON DELETE CASCADE,
    geofence_id bigint NOT NULL REFERENCES geofences (id) ON DELETE CASCADE,
    PRIMARY KEY (car_id, geofence_id)
);

ALTER TABLE car_settings ADD COLUMN sleep_mode_enabled boolean NOT NULL DEFAULT true;
