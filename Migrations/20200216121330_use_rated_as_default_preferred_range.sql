-- migrate:up
-- The default for new rows only; the setting in use stays.
ALTER TABLE settings
    ALTER COLUMN preferred_range SET DEFAULT 'rated';

-- migrate:down
-- Nothing to undo: the default was rated before as well. (TeslaMate sets it to ideal here.)
