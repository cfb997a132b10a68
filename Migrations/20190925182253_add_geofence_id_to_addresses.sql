-- migrate:up
ALTER TABLE addresses
    ADD COLUMN geofence_id bigint CONSTRAINT addresses_geofence_id_fkey REFERENCES geofences (id);

-- An address belongs to a geofence when its point lies in the box around the circle (earth_box), which reaches
-- further than the circle itself. Where several boxes overlap, the geofence stored last in the table wins.
-- Addresses without coordinates match nothing.
WITH boxes AS MATERIALIZED (
    SELECT id, ctid AS stored_at, earth_box(ll_to_earth(latitude, longitude), radius) AS box
    FROM geofences
),
points AS MATERIALIZED (
    SELECT id, ll_to_earth(latitude, longitude) AS point
    FROM addresses
),
matches AS (
    SELECT DISTINCT ON (points.id) points.id AS address_id, boxes.id AS geofence_id
    FROM points
    JOIN boxes ON boxes.box @> points.point
    ORDER BY points.id, boxes.stored_at DESC
)
UPDATE addresses
SET geofence_id = matches.geofence_id
FROM matches
WHERE addresses.id = matches.address_id;

CREATE INDEX addresses_geofence_id_index ON addresses (geofence_id);

-- Takes its foreign key and its unique index along.
ALTER TABLE geofences
    DROP COLUMN address_id;

-- migrate:down
-- convoy:irreversible The address each geofence was made from (geofences.address_id, required before) is lost; only a new geocoding of every geofence could bring it back.
