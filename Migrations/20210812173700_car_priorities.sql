-- migrate:up
ALTER TABLE cars ADD COLUMN display_priority smallint DEFAULT 1;

-- migrate:down
ALTER TABLE cars DROP COLUMN display_priority;
