-- Both extensions are dropped and made again. Before 20190925152807 that version's check asks for them.
-- convoy:if-applied 20190925152807
SELECT pg_catalog.format(
        'this server does not offer the extension %s any more: install PostgreSQL''s contrib modules there (postgresql-contrib)', needed.name)
FROM (VALUES ('cube'), ('earthdistance')) AS needed (name)
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_available_extensions AS a WHERE a.name = needed.name::name);

-- convoy:if-applied 20190925152807
SELECT 'the extension cube is not installed: CREATE EXTENSION cube SCHEMA public, as a superuser'
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_extension AS e WHERE e.extname = name 'cube');
