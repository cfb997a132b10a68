-- migrate:up
-- Nothing to do: this version changes neither the schema nor data.
SELECT 1;

-- migrate:down
-- Nothing to do.
