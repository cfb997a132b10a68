-- migrate:up
ALTER TABLE drives
    ADD COLUMN ascent smallint,
    ADD COLUMN descent smallint;

-- Compiling the statement would take longer than it saves.
SET LOCAL jit = off;

-- Sums up the climbs and the falls between consecutive positions with a known elevation. A sum that smallint cannot hold
-- is taken for noise and stored as 0; a single step that it cannot hold aborts the migration.
-- Each drive reads its own positions through their index, so that nothing large has to be sorted.
UPDATE drives
SET ascent = CASE WHEN elevation.climbed <= 32767 THEN elevation.climbed ELSE 0 END,
    descent = CASE WHEN elevation.fallen <= 32767 THEN elevation.fallen ELSE 0 END
FROM drives AS source
CROSS JOIN LATERAL (
    SELECT
        count(*) AS samples,
        coalesce(sum(step) FILTER (WHERE step > 0), 0) AS climbed,
        coalesce(-sum(step) FILTER (WHERE step < 0), 0) AS fallen
    FROM (
        SELECT elevation - lag(elevation) OVER (ORDER BY date, id) AS step
        FROM positions
        WHERE drive_id = source.id
            AND elevation IS NOT NULL
    ) AS steps
) AS elevation
WHERE drives.id = source.id
  AND samples > 0;

-- migrate:down
ALTER TABLE drives
    DROP COLUMN ascent,
    DROP COLUMN descent;
