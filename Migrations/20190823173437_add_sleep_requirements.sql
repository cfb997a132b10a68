-- migrate:up
ALTER TABLE settings
    ADD COLUMN req_no_shift_state_reading boolean NOT NULL DEFAULT false,
    ADD COLUMN req_no_temp_reading boolean NOT NULL DEFAULT false,
    ADD COLUMN req_not_unlocked boolean NOT NULL DEFAULT true;

-- migrate:down
ALTER TABLE settings
    DROP COLUMN req_no_shift_state_reading,
    DROP COLUMN req_no_temp_reading,
    DROP COLUMN req_not_unlocked;
