-- The boxes of earthdistance are cubes, and how they are compared is found in public only.
SELECT pg_catalog.format(
        'the extension cube is in schema %s, and TeslaMate looks for it in public: ALTER EXTENSION cube SET SCHEMA public',
        pg_catalog.quote_ident(n.nspname))
FROM pg_catalog.pg_extension AS e
JOIN pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace
WHERE e.extname = name 'cube'
    AND n.nspname <> name 'public';
