-- For each address the last of the fences around it.
ALTER TABLE addresses ADD COLUMN geofence_id bigint CONSTRAINT addresses_geofence_id_fkey REFERENCES geofences (id);
WITH boxes AS MATERIALIZED (
    SELECT id, ctid AS stored_at, earth_box(ll_to_earth(latitude, longitude), radius) AS box FROM geofences
)
UPDATE addresses SET geofence_id = found.geofence_id
FROM (SELECT id, ll_to_earth(latitude, longitude) AS point FROM addresses OFFSET 0) AS places
CROSS JOIN LATERAL (SELECT boxes.id AS geofence_id FROM boxes WHERE box @> point ORDER BY stored_at DESC LIMIT 1) AS found
WHERE addresses.id = places.id;
CREATE INDEX addresses_geofence_id_index ON addresses (geofence_id);
ALTER TABLE geofences DROP COLUMN address_id;
