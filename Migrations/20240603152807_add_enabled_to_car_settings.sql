-- migrate:up
ALTER TABLE car_settings ADD COLUMN enabled boolean NOT NULL DEFAULT true;

-- migrate:down
ALTER TABLE car_settings DROP COLUMN enabled;
