-- migrate:up
CREATE TYPE billing_type AS ENUM ('per_kwh', 'per_minute');

-- Every price so far was one by the kWh.
ALTER TABLE geofences ADD COLUMN billing_type billing_type NOT NULL DEFAULT 'per_kwh';

ALTER TABLE geofences RENAME COLUMN cost_per_kwh TO cost_per_unit;

-- migrate:down
-- Prices by the minute stay as they are and then count as prices by the kWh.
ALTER TABLE geofences RENAME COLUMN cost_per_unit TO cost_per_kwh;

ALTER TABLE geofences DROP COLUMN billing_type;

DROP TYPE billing_type;
