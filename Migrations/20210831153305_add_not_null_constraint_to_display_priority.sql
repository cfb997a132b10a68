-- migrate:up
ALTER TABLE cars ALTER COLUMN display_priority SET NOT NULL;

-- migrate:down
ALTER TABLE cars ALTER COLUMN display_priority DROP NOT NULL;
