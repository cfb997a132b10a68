-- migrate:up
ALTER TABLE car_settings ADD COLUMN lfp_battery boolean NOT NULL DEFAULT false;

-- migrate:down
ALTER TABLE car_settings DROP COLUMN lfp_battery;
