-- migrate:up
ALTER TABLE geofences
    ADD COLUMN phase_correction integer;

-- migrate:down
ALTER TABLE geofences
    DROP COLUMN phase_correction;
