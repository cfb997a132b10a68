-- migrate:up
ALTER TABLE cars ADD COLUMN plate text;
-- migrate:down
ALTER TABLE cars DROP COLUMN plate;
