-- The new index computes a point for each position.
-- convoy:if-applied 20190330170000
SELECT pg_catalog.format(
        'positions has %s row(s) whose latitude or longitude is NaN or infinite (the first has id %s): correct or delete them',
        count(*), min(id))
FROM positions
WHERE NOT (latitude > '-Infinity' AND latitude < 'Infinity' AND longitude > '-Infinity' AND longitude < 'Infinity')
HAVING count(*) > 0;
