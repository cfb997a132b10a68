-- migrate:up
ALTER TABLE cars
    ALTER COLUMN efficiency DROP NOT NULL,
    ALTER COLUMN model DROP NOT NULL;

ALTER TABLE cars RENAME COLUMN version TO trim_badging;

-- migrate:down
ALTER TABLE cars RENAME COLUMN trim_badging TO version;

-- Fails while a car has no efficiency or no model.
ALTER TABLE cars
    ALTER COLUMN efficiency SET NOT NULL,
    ALTER COLUMN model SET NOT NULL;
