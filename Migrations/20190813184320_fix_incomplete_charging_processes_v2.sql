-- migrate:up
-- Nothing to do: this version changes neither the schema nor data.

-- migrate:down
-- Nothing to do.
