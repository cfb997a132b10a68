-- migrate:up
ALTER TABLE geofences
    ADD COLUMN cost_per_kwh numeric(6,2);

ALTER TABLE car_settings
    ADD COLUMN free_supercharging boolean NOT NULL DEFAULT false;

-- migrate:down
ALTER TABLE car_settings
    DROP COLUMN free_supercharging;

ALTER TABLE geofences
    DROP COLUMN cost_per_kwh;
