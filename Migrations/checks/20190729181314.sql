-- The ratio is turned over: 0 cannot be, nor what is so near to 0 that the result has no place in double precision.
-- convoy:if-applied 20190330160000
SELECT pg_catalog.format(
        'trips has %s row(s) whose efficiency is 0 (the first has id %s): set it to NULL where it is unknown',
        count(*), min(id))
FROM trips
WHERE efficiency > double precision '-5.6e-309'
    AND efficiency < double precision '5.6e-309'
HAVING count(*) > 0;
