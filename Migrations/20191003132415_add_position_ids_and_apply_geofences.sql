-- migrate:up
-- Compiling the statement would take longer than it saves.
SET LOCAL jit = off;

-- Start and end of a drive are its first and its last position by date; among equal dates the one stored first counts.
-- If both are the same position, only the start is set and the end stays as it was. Drives without positions stay.
WITH span AS (
    SELECT drive_id, min(date) AS first_date, max(date) AS last_date
    FROM positions
    WHERE drive_id IS NOT NULL
    GROUP BY drive_id
),
ends AS (
    SELECT
        span.drive_id,
        (array_agg(p.id ORDER BY p.ctid) FILTER (WHERE p.date = span.first_date))[1] AS first_id,
        (array_agg(p.id ORDER BY p.ctid) FILTER (WHERE p.date = span.last_date))[1] AS last_id
    FROM span
    JOIN positions AS p ON p.drive_id = span.drive_id AND p.date IN (span.first_date, span.last_date)
    GROUP BY span.drive_id
)
UPDATE drives
SET start_position_id = ends.first_id,
    end_position_id = CASE WHEN ends.last_id = ends.first_id THEN drives.end_position_id ELSE ends.last_id END
FROM ends
WHERE drives.id = ends.drive_id;

-- A position lies in a geofence when it is inside the box around the circle (earth_box). Where several boxes overlap,
-- the geofence stored last in the table wins; what lies in none keeps the value it has.
WITH boxes AS MATERIALIZED (
    SELECT id, ctid AS stored_at, earth_box(ll_to_earth(latitude, longitude), radius) AS box
    FROM geofences
),
points AS MATERIALIZED (
    SELECT id, ll_to_earth(latitude, longitude) AS point
    FROM positions
    WHERE id IN (
        SELECT start_position_id FROM drives
        UNION
        SELECT end_position_id FROM drives
    )
),
matches AS MATERIALIZED (
    SELECT DISTINCT ON (points.id) points.id AS position_id, boxes.id AS geofence_id
    FROM points
    JOIN boxes ON boxes.box @> points.point
    ORDER BY points.id, boxes.stored_at DESC
),
found AS (
    SELECT drives.id, at_start.geofence_id AS start_geofence_id, at_end.geofence_id AS end_geofence_id
    FROM drives
    LEFT JOIN matches AS at_start ON at_start.position_id = drives.start_position_id
    LEFT JOIN matches AS at_end ON at_end.position_id = drives.end_position_id
    WHERE at_start.geofence_id IS NOT NULL OR at_end.geofence_id IS NOT NULL
)
UPDATE drives
SET start_geofence_id = coalesce(found.start_geofence_id, drives.start_geofence_id),
    end_geofence_id = coalesce(found.end_geofence_id, drives.end_geofence_id)
FROM found
WHERE drives.id = found.id;

-- The same for the position of a charging process.
WITH boxes AS MATERIALIZED (
    SELECT id, ctid AS stored_at, earth_box(ll_to_earth(latitude, longitude), radius) AS box
    FROM geofences
),
points AS MATERIALIZED (
    SELECT id, ll_to_earth(latitude, longitude) AS point
    FROM positions
    WHERE id IN (SELECT position_id FROM charging_processes)
),
matches AS (
    SELECT DISTINCT ON (points.id) points.id AS position_id, boxes.id AS geofence_id
    FROM points
    JOIN boxes ON boxes.box @> points.point
    ORDER BY points.id, boxes.stored_at DESC
)
UPDATE charging_processes
SET geofence_id = matches.geofence_id
FROM matches
WHERE charging_processes.position_id = matches.position_id;

-- migrate:down
-- Nothing to undo: the columns that were filled are older than this migration, and their values before are not known.
