-- migrate:up
ALTER TABLE settings ADD COLUMN theme_mode text NOT NULL DEFAULT 'system';

-- migrate:down
ALTER TABLE settings DROP COLUMN theme_mode;
