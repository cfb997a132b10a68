-- migrate:up
-- Four digits after the point leave two before it: a value of 100 or more stops the migration.
ALTER TABLE geofences
    ALTER COLUMN cost_per_kwh TYPE numeric(6,4);

-- migrate:down
-- Rounds to two digits.
ALTER TABLE geofences
    ALTER COLUMN cost_per_kwh TYPE numeric(6,2);
