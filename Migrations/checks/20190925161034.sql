-- The new index computes a point for each address that has coordinates.
-- convoy:if-applied 20190415130006
SELECT pg_catalog.format(
        'addresses has %s row(s) whose latitude or longitude is NaN or infinite (the first has id %s): set both to NULL', count(*), min(id))
FROM addresses
WHERE NOT (latitude > '-Infinity' AND latitude < 'Infinity')
    AND longitude IS NOT NULL
    OR NOT (longitude > '-Infinity' AND longitude < 'Infinity')
    AND latitude IS NOT NULL
HAVING count(*) > 0;
