-- migrate:up
-- What was set in the two flags is lost.
ALTER TABLE car_settings
    DROP COLUMN req_no_shift_state_reading,
    DROP COLUMN req_no_temp_reading;

-- migrate:down
-- Both flags come back with their defaults, as the last columns.
ALTER TABLE car_settings
    ADD COLUMN req_no_shift_state_reading boolean NOT NULL DEFAULT false,
    ADD COLUMN req_no_temp_reading boolean NOT NULL DEFAULT false;
