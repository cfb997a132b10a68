-- migrate:up
ALTER TABLE car_settings
    ADD COLUMN sleep_mode_enabled boolean NOT NULL DEFAULT true;

CREATE TABLE geofence_sleep_mode_whitelist (
    car_id bigint NOT NULL
        CONSTRAINT geofence_sleep_mode_whitelist_car_id_fkey REFERENCES cars (id) ON DELETE CASCADE,
    geofence_id bigint NOT NULL
        CONSTRAINT geofence_sleep_mode_whitelist_geofence_id_fkey REFERENCES geofences (id) ON DELETE CASCADE,
    CONSTRAINT geofence_sleep_mode_whitelist_pkey PRIMARY KEY (car_id, geofence_id)
);

CREATE TABLE geofence_sleep_mode_blacklist (
    car_id bigint NOT NULL
        CONSTRAINT geofence_sleep_mode_blacklist_car_id_fkey REFERENCES cars (id) ON DELETE CASCADE,
    geofence_id bigint NOT NULL
        CONSTRAINT geofence_sleep_mode_blacklist_geofence_id_fkey REFERENCES geofences (id) ON DELETE CASCADE,
    CONSTRAINT geofence_sleep_mode_blacklist_pkey PRIMARY KEY (car_id, geofence_id)
);

-- migrate:down
DROP TABLE geofence_sleep_mode_blacklist;

DROP TABLE geofence_sleep_mode_whitelist;

ALTER TABLE car_settings
    DROP COLUMN sleep_mode_enabled;
