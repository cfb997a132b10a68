-- migrate:up
-- The ratio was stored upside down. A stored 0 stops here with division by zero.
UPDATE trips
SET efficiency = 1 / efficiency
WHERE efficiency IS NOT NULL;

-- migrate:down
-- The reciprocal of the reciprocal: the former values, up to rounding of the last digit.
UPDATE trips
SET efficiency = 1 / efficiency
WHERE efficiency IS NOT NULL;
