-- migrate:up
ALTER TABLE settings
    ADD COLUMN language text NOT NULL DEFAULT 'en';

-- migrate:down
ALTER TABLE settings
    DROP COLUMN language;
