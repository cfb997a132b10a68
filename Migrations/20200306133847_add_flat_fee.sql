-- migrate:up
ALTER TABLE geofences
    ADD COLUMN session_fee numeric(6,2);

-- migrate:down
ALTER TABLE geofences
    DROP COLUMN session_fee;
