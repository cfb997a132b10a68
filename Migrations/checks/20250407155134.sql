-- convoy:if-applied 20240929084639
SELECT 'the extension earthdistance is not installed: CREATE EXTENSION earthdistance SCHEMA public CASCADE, as a superuser'
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_extension AS e WHERE e.extname = name 'earthdistance');
