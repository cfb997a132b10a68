-- migrate:up
ALTER TABLE car_settings ADD COLUMN use_streaming_api boolean NOT NULL DEFAULT true;

-- migrate:down
ALTER TABLE car_settings DROP COLUMN use_streaming_api;
