-- migrate:up
ALTER TABLE drives
    ADD COLUMN ascent smallint,
    ADD COLUMN descent smallint;

-- Compiling the statement would take longer than it saves.
SET LOCAL jit = off;

-- Sums up the climbs and the falls between consecutive positions with a known elevation. A sum that smallint cannot hold
-- is taken for noise and stored as 0; a single step that it cannot hold aborts the migration.
UPDATE drives
SET ascent = CASE WHEN elevation.climbed <= 32767 THEN elevation.climbed ELSE 0 END,
    descent = CASE WHEN elevation.fallen <= 32767 THEN elevation.fallen ELSE 0 END
FROM (
    SELECT drive_id,
        coalesce(sum(step) FILTER (WHERE step > 0), 0) AS climbed,
        coalesce(-sum(step) FILTER (WHERE step < 0), 0) AS fallen
    FROM (
        SELECT drive_id, elevation - lag(elevation) OVER (PARTITION BY drive_id ORDER BY date, id) AS step
        FROM positions
        WHERE drive_id IS NOT NULL
            AND elevation IS NOT NULL
    ) AS steps
    GROUP BY drive_id
) AS elevation
WHERE drives.id = elevation.drive_id;

-- migrate:down
ALTER TABLE drives
    DROP COLUMN ascent,
    DROP COLUMN descent;
