-- migrate:up
-- Compiling the statement would take longer than it saves.
SET LOCAL jit = off;

-- Start and end of a drive are its first and its last position by date, found by the index on drives; among equal dates the one
-- stored first counts. If both are the same position, only the start is set and the end stays as it was. Drives without positions
-- keep theirs.
--
-- A position lies in a geofence when it is inside the box around the circle (earth_box). Where several boxes overlap, the geofence
-- stored last in the table wins; what lies in none keeps the value it has.
WITH boxes AS MATERIALIZED (
    SELECT id, ctid AS stored_at, earth_box(ll_to_earth(latitude, longitude), radius) AS box
    FROM geofences
),
ends AS MATERIALIZED (
    SELECT
        drives.id AS drive_id,
        start_position_id,
        end_position_id,
        (SELECT id FROM positions WHERE drive_id = drives.id ORDER BY date, ctid LIMIT 1) AS first_id,
        (SELECT id FROM positions WHERE drive_id = drives.id ORDER BY date DESC, ctid LIMIT 1) AS last_id
    FROM drives
),
points AS MATERIALIZED (
    SELECT
        ends.drive_id,
        first_id,
        last_id,
        ll_to_earth(at_start.latitude, at_start.longitude) AS start_point,
        ll_to_earth(at_end.latitude, at_end.longitude) AS end_point
    FROM ends
    LEFT JOIN positions AS at_start ON at_start.id = coalesce(first_id, start_position_id)
    LEFT JOIN positions AS at_end ON at_end.id = CASE WHEN last_id <> first_id THEN last_id ELSE end_position_id END
),
found AS MATERIALIZED (
    SELECT
        drive_id,
        first_id,
        last_id,
        (SELECT id FROM boxes WHERE box @> start_point ORDER BY stored_at DESC LIMIT 1) AS start_geofence_id,
        (SELECT id FROM boxes WHERE box @> end_point ORDER BY stored_at DESC LIMIT 1) AS end_geofence_id
    FROM points
)
UPDATE drives
SET start_position_id = coalesce(first_id, start_position_id),
    end_position_id = CASE WHEN last_id <> first_id THEN last_id ELSE end_position_id END,
    start_geofence_id = coalesce(found.start_geofence_id, drives.start_geofence_id),
    end_geofence_id = coalesce(found.end_geofence_id, drives.end_geofence_id)
FROM found
WHERE drives.id = found.drive_id
  AND (first_id IS NOT NULL OR found.start_geofence_id IS NOT NULL OR found.end_geofence_id IS NOT NULL);

-- The same for the position of a charging process.
WITH boxes AS MATERIALIZED (
    SELECT id, ctid AS stored_at, earth_box(ll_to_earth(latitude, longitude), radius) AS box
    FROM geofences
),
points AS MATERIALIZED (
    SELECT charging_processes.id, ll_to_earth(latitude, longitude) AS point
    FROM charging_processes
    JOIN positions ON positions.id = position_id
)
UPDATE charging_processes
SET geofence_id = found.geofence_id
FROM points
CROSS JOIN LATERAL (
    SELECT boxes.id AS geofence_id FROM boxes WHERE box @> point ORDER BY stored_at DESC LIMIT 1
) AS found
WHERE charging_processes.id = points.id;

-- migrate:down
-- Nothing to undo: the columns that were filled are older than this migration, and their values before are not known.
