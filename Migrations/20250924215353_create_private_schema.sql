-- migrate:up
CREATE SCHEMA IF NOT EXISTS private;

-- Its sequence and its primary key move with it.
ALTER TABLE tokens SET SCHEMA private;

-- migrate:down
ALTER TABLE private.tokens SET SCHEMA public;

-- Fails, and changes nothing, if anything else lives in the schema.
DROP SCHEMA private;
