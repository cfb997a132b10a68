-- migrate:up
ALTER TABLE tokens
    ALTER COLUMN access TYPE text,
    ALTER COLUMN refresh TYPE text;

-- migrate:down
-- Fails, and changes nothing, if a token is longer than 255 characters.
ALTER TABLE tokens
    ALTER COLUMN access TYPE character varying(255),
    ALTER COLUMN refresh TYPE character varying(255);
