-- Asked of an empty database too: without the extensions it would not come further than the version before.
SELECT pg_catalog.format(
        'this server does not offer the extension %s: install PostgreSQL''s contrib modules there (postgresql-contrib)', needed.name)
FROM (VALUES ('cube'), ('earthdistance')) AS needed (name)
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_extension AS e WHERE e.extname = needed.name::name)
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_available_extensions AS a WHERE a.name = needed.name::name);

SELECT pg_catalog.format(
        'the extension earthdistance is in schema %s, and TeslaMate looks for it in public: ALTER EXTENSION earthdistance SET SCHEMA public',
        pg_catalog.quote_ident(n.nspname))
FROM pg_catalog.pg_extension AS e
JOIN pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace
WHERE e.extname = name 'earthdistance'
    AND n.nspname <> name 'public';

-- The new index computes a point for each geofence.
-- convoy:if-applied 20190810151901
SELECT pg_catalog.format(
        'geofences has %s row(s) whose latitude or longitude is NaN or infinite (the first has id %s): correct them',
        count(*), min(id))
FROM geofences
WHERE NOT (latitude > '-Infinity' AND latitude < 'Infinity' AND longitude > '-Infinity' AND longitude < 'Infinity')
HAVING count(*) > 0;
