-- A VIN says who drives the car, so that only the cars' ids are told.
-- convoy:if-applied 20190816165713
SELECT pg_catalog.format(
        'the cars %s have the same VIN: correct it, or set it to NULL for all but one', pg_catalog.string_agg(id::text, ', ' ORDER BY id))
FROM cars
WHERE vin IS NOT NULL
GROUP BY vin
HAVING count(*) > 1;
