-- All references are made anew, and then each row must have what it refers to. A restored backup may lack it: nobody
-- looks where triggers were switched off meanwhile.
-- convoy:if-applied 20190408203117
SELECT pg_catalog.format(
        '%s refers to %s that does not exist in %s row(s), the first with id %s: correct or delete them', orphans.reference, orphans.target,
        orphans.rows, orphans.first_id)
FROM (
    SELECT 'charges.charging_process_id', 'charging_processes', count(*), min(r.id)
    FROM charges AS r
    WHERE r.charging_process_id IS NOT NULL
        AND NOT EXISTS (SELECT FROM charging_processes AS t WHERE t.id = r.charging_process_id)
    UNION ALL
    SELECT 'charging_processes.car_id', 'cars', count(*), min(r.id)
    FROM charging_processes AS r
    WHERE r.car_id IS NOT NULL
        AND NOT EXISTS (SELECT FROM cars AS t WHERE t.id = r.car_id)
    UNION ALL
    SELECT 'positions.car_id', 'cars', count(*), min(r.id)
    FROM positions AS r
    WHERE r.car_id IS NOT NULL
        AND NOT EXISTS (SELECT FROM cars AS t WHERE t.id = r.car_id)
    UNION ALL
    SELECT 'states.car_id', 'cars', count(*), min(r.id)
    FROM states AS r
    WHERE r.car_id IS NOT NULL
        AND NOT EXISTS (SELECT FROM cars AS t WHERE t.id = r.car_id)
    UNION ALL
    SELECT 'updates.car_id', 'cars', count(*), min(r.id)
    FROM updates AS r
    WHERE r.car_id IS NOT NULL
        AND NOT EXISTS (SELECT FROM cars AS t WHERE t.id = r.car_id)
) AS orphans (reference, target, rows, first_id)
WHERE orphans.rows > 0;

-- convoy:if-applied 20190812191616
SELECT pg_catalog.format(
        '%s refers to %s that does not exist in %s row(s), the first with id %s: correct or delete them', orphans.reference, orphans.target,
        orphans.rows, orphans.first_id)
FROM (
    SELECT 'drives.car_id', 'cars', count(*), min(r.id)
    FROM drives AS r
    WHERE r.car_id IS NOT NULL
        AND NOT EXISTS (SELECT FROM cars AS t WHERE t.id = r.car_id)
    UNION ALL
    SELECT 'positions.drive_id', 'drives', count(*), min(r.id)
    FROM positions AS r
    WHERE r.drive_id IS NOT NULL
        AND NOT EXISTS (SELECT FROM drives AS t WHERE t.id = r.drive_id)
) AS orphans (reference, target, rows, first_id)
WHERE orphans.rows > 0;

-- convoy:if-applied 20191003132415
SELECT pg_catalog.format(
        '%s refers to %s that does not exist in %s row(s), the first with id %s: correct or delete them', orphans.reference, orphans.target,
        orphans.rows, orphans.first_id)
FROM (
    SELECT 'charging_processes.geofence_id', 'geofences', count(*), min(r.id)
    FROM charging_processes AS r
    WHERE r.geofence_id IS NOT NULL
        AND NOT EXISTS (SELECT FROM geofences AS t WHERE t.id = r.geofence_id)
    UNION ALL
    SELECT 'drives.start_position_id', 'positions', count(*), min(r.id)
    FROM drives AS r
    WHERE r.start_position_id IS NOT NULL
        AND NOT EXISTS (SELECT FROM positions AS t WHERE t.id = r.start_position_id)
    UNION ALL
    SELECT 'drives.end_position_id', 'positions', count(*), min(r.id)
    FROM drives AS r
    WHERE r.end_position_id IS NOT NULL
        AND NOT EXISTS (SELECT FROM positions AS t WHERE t.id = r.end_position_id)
    UNION ALL
    SELECT 'drives.start_geofence_id', 'geofences', count(*), min(r.id)
    FROM drives AS r
    WHERE r.start_geofence_id IS NOT NULL
        AND NOT EXISTS (SELECT FROM geofences AS t WHERE t.id = r.start_geofence_id)
    UNION ALL
    SELECT 'drives.end_geofence_id', 'geofences', count(*), min(r.id)
    FROM drives AS r
    WHERE r.end_geofence_id IS NOT NULL
        AND NOT EXISTS (SELECT FROM geofences AS t WHERE t.id = r.end_geofence_id)
) AS orphans (reference, target, rows, first_id)
WHERE orphans.rows > 0;

-- convoy:if-applied 20191117171307
SELECT pg_catalog.format(
        '%s refers to %s that does not exist in %s row(s), the first with id %s: correct or delete them', orphans.reference, orphans.target,
        orphans.rows, orphans.first_id)
FROM (
    SELECT 'cars.settings_id', 'car_settings', count(*), min(r.id)
    FROM cars AS r
    WHERE r.settings_id IS NOT NULL
        AND NOT EXISTS (SELECT FROM car_settings AS t WHERE t.id = r.settings_id)
) AS orphans (reference, target, rows, first_id)
WHERE orphans.rows > 0;

-- Older references to addresses are cleared by 20200120142602.
-- convoy:if-applied 20200120142602
SELECT pg_catalog.format(
        '%s refers to %s that does not exist in %s row(s), the first with id %s: correct or delete them', orphans.reference, orphans.target,
        orphans.rows, orphans.first_id)
FROM (
    SELECT 'charging_processes.address_id', 'addresses', count(*), min(r.id)
    FROM charging_processes AS r
    WHERE r.address_id IS NOT NULL
        AND NOT EXISTS (SELECT FROM addresses AS t WHERE t.id = r.address_id)
    UNION ALL
    SELECT 'drives.start_address_id', 'addresses', count(*), min(r.id)
    FROM drives AS r
    WHERE r.start_address_id IS NOT NULL
        AND NOT EXISTS (SELECT FROM addresses AS t WHERE t.id = r.start_address_id)
    UNION ALL
    SELECT 'drives.end_address_id', 'addresses', count(*), min(r.id)
    FROM drives AS r
    WHERE r.end_address_id IS NOT NULL
        AND NOT EXISTS (SELECT FROM addresses AS t WHERE t.id = r.end_address_id)
) AS orphans (reference, target, rows, first_id)
WHERE orphans.rows > 0;
