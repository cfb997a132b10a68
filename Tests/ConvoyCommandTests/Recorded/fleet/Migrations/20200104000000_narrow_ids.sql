-- migrate:up
-- Ids were never that large.
ALTER TABLE cars
  ALTER COLUMN id TYPE integer;
-- migrate:down
ALTER TABLE cars ALTER COLUMN id TYPE bigint;
