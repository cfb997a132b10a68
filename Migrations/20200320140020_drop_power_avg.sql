-- migrate:up
-- The stored averages are lost.
ALTER TABLE drives DROP COLUMN power_avg;

-- migrate:down
-- The column comes back empty, and as the last one.
ALTER TABLE drives ADD COLUMN power_avg double precision;
