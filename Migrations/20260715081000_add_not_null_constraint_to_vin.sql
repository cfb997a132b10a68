-- migrate:up
-- A car without a VIN gets a marker that carries its id.
UPDATE cars SET vin = '__legacy_null_vin__:' || id WHERE vin IS NULL;

ALTER TABLE cars ALTER COLUMN vin SET NOT NULL;

-- migrate:down
ALTER TABLE cars ALTER COLUMN vin DROP NOT NULL;

-- Only a marker that carries the car's own id was put there on the way up.
UPDATE cars SET vin = NULL WHERE vin = '__legacy_null_vin__:' || id;
