-- Drives in one statement: both ends by the index, then their fences.
SET LOCAL jit = off;
WITH boxes AS MATERIALIZED (
    SELECT id, ctid AS stored_at, earth_box(ll_to_earth(latitude, longitude), radius) AS box FROM geofences
),
ends AS MATERIALIZED (
    SELECT d.id AS drive_id,
        (SELECT p.id FROM positions AS p WHERE p.drive_id = d.id ORDER BY p.date, p.ctid LIMIT 1) AS first_id,
        (SELECT p.id FROM positions AS p WHERE p.drive_id = d.id ORDER BY p.date DESC, p.ctid LIMIT 1) AS last_id
    FROM drives AS d
),
points AS MATERIALIZED (
    SELECT e.drive_id, e.first_id, e.last_id, ll_to_earth(f.latitude, f.longitude) AS first_point, ll_to_earth(l.latitude, l.longitude) AS last_point
    FROM ends AS e
    JOIN positions AS f ON f.id = e.first_id
    LEFT JOIN positions AS l ON l.id = e.last_id AND e.last_id <> e.first_id
)
UPDATE drives AS d
SET start_position_id = first_id,
    end_position_id = CASE WHEN last_id = first_id THEN d.end_position_id ELSE last_id END,
    start_geofence_id = coalesce((SELECT id FROM boxes WHERE box @> first_point ORDER BY stored_at DESC LIMIT 1), d.start_geofence_id),
    end_geofence_id = coalesce((SELECT id FROM boxes WHERE box @> last_point ORDER BY stored_at DESC LIMIT 1), d.end_geofence_id)
FROM points
WHERE d.id = points.drive_id;
WITH boxes AS MATERIALIZED (
    SELECT id, ctid AS stored_at, earth_box(ll_to_earth(latitude, longitude), radius) AS box FROM geofences
),
points AS MATERIALIZED (
    SELECT c.id, ll_to_earth(p.latitude, p.longitude) AS point FROM charging_processes AS c JOIN positions AS p ON p.id = c.position_id
)
UPDATE charging_processes AS c SET geofence_id = found.geofence_id
FROM points
CROSS JOIN LATERAL (SELECT boxes.id AS geofence_id FROM boxes WHERE box @> point ORDER BY stored_at DESC LIMIT 1) AS found
WHERE c.id = points.id;
