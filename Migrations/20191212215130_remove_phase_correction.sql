-- migrate:up
ALTER TABLE geofences
    DROP COLUMN phase_correction;

-- migrate:down
-- Comes back empty.
ALTER TABLE geofences
    ADD COLUMN phase_correction integer;
