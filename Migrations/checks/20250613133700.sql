-- A climb from one position of a drive to the next is computed as smallint. It can be too great only where one of the two is
-- more than 16383 m above or below zero: only such drives are looked at closely. Before 20200410112005 the elevation is not
-- yet rounded, and before other versions it and the drive have other names: a name that positions does not have stands for
-- the NULL of "absent".
-- convoy:if-applied 20190330170000
WITH readings AS NOT MATERIALIZED (
    SELECT p.id, p.date, coalesce(p.drive_id, p.trip_id) AS drive_id,
        pg_catalog.round(coalesce(p.elevation::double precision, p.altitude)) AS elevation
    FROM (SELECT NULL::bigint AS drive_id, NULL::bigint AS trip_id, NULL::double precision AS elevation, NULL::double precision AS altitude)
        AS absent
    CROSS JOIN LATERAL (SELECT id, date, drive_id::bigint, trip_id::bigint, elevation::double precision, altitude::double precision FROM positions) AS p
),
extremes AS (
    SELECT DISTINCT drive_id
    FROM readings
    WHERE elevation NOT BETWEEN double precision '-16383' AND double precision '16383'
        AND drive_id IS NOT NULL
),
steps AS (
    SELECT drive_id, elevation - lag(elevation) OVER (PARTITION BY drive_id ORDER BY date, id) AS step
    FROM readings
    WHERE drive_id IN (SELECT drive_id FROM extremes)
        AND elevation IS NOT NULL
)
SELECT pg_catalog.format(
        'positions of drive %s jump by %s m in elevation, and at most 32767 m fit: set the wrong elevation to NULL', drive_id,
        max(pg_catalog.abs(step)))
FROM steps
WHERE step NOT BETWEEN double precision '-32768' AND double precision '32767'
GROUP BY drive_id
ORDER BY drive_id;
