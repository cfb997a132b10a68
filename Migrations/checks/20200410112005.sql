-- Columns become narrower: what the new type cannot hold, once it is rounded, aborts the migration. Only numeric takes NaN.
-- A first look at a row compares its greatest and its least value of a type; only rows that fail it are taken apart.
--
-- The oldest databases lack some of the columns, or have them under other names: a name that the table does not have
-- stands for the NULL of "absent".
-- convoy:if-applied 20190330170000
SELECT pg_catalog.format(
        'positions.%s does not fit into %s in %s row(s), the first with id %s: correct it',
        value.name, value.type, count(*), min(r.id))
FROM (
    SELECT
        NULL::double precision AS usable_battery_level, NULL::double precision AS elevation,
        NULL::double precision AS altitude, NULL::double precision AS est_battery_range_km,
        NULL::double precision AS rated_battery_range_km, NULL::double precision AS battery_range_km,
        NULL::double precision AS inside_temp
) AS absent
CROSS JOIN LATERAL (
    SELECT
        id, latitude, longitude, speed, power, battery_level, usable_battery_level, elevation, altitude,
        ideal_battery_range_km, est_battery_range_km, rated_battery_range_km, battery_range_km, outside_temp,
        inside_temp, driver_temp_setting, passenger_temp_setting
    FROM positions
) AS r
CROSS JOIN LATERAL (
    VALUES
        ('latitude', 'numeric(8, 6)', r.latitude::double precision),
        ('longitude', 'numeric(9, 6)', r.longitude::double precision),
        ('speed', 'smallint', r.speed::double precision),
        ('power', 'smallint', r.power::double precision),
        ('battery_level', 'smallint', r.battery_level::double precision),
        ('usable_battery_level', 'smallint', r.usable_battery_level::double precision),
        ('elevation', 'smallint', r.elevation::double precision),
        ('altitude', 'smallint', r.altitude::double precision),
        ('ideal_battery_range_km', 'numeric(6, 2)', r.ideal_battery_range_km::double precision),
        ('est_battery_range_km', 'numeric(6, 2)', r.est_battery_range_km::double precision),
        ('rated_battery_range_km', 'numeric(6, 2)', r.rated_battery_range_km::double precision),
        ('battery_range_km', 'numeric(6, 2)', r.battery_range_km::double precision),
        ('outside_temp', 'numeric(4, 1)', r.outside_temp::double precision),
        ('inside_temp', 'numeric(4, 1)', r.inside_temp::double precision),
        ('driver_temp_setting', 'numeric(4, 1)', r.driver_temp_setting::double precision),
        ('passenger_temp_setting', 'numeric(4, 1)', r.passenger_temp_setting::double precision)
) AS value (name, type, number)
JOIN (
    VALUES
        ('numeric(8, 6)', double precision '-99.9999995', double precision '99.9999995'),
        ('numeric(9, 6)', double precision '-999.9999995', double precision '999.9999995'),
        ('smallint', double precision '-32768.50000000001', double precision '32767.5'),
        ('numeric(6, 2)', double precision '-9999.995', double precision '9999.995'),
        ('numeric(4, 1)', double precision '-999.95', double precision '999.95')
) AS bounds (type, floor, ceiling) ON bounds.type = value.type
WHERE (
        r.latitude::double precision >= '99.9999995'
        OR r.latitude::double precision <= '-99.9999995'
        OR r.longitude::double precision >= '999.9999995'
        OR r.longitude::double precision <= '-999.9999995'
        OR greatest(
            r.speed, r.power, r.battery_level, r.usable_battery_level, r.elevation, r.altitude
        )::double precision >= '32767.5'
        OR least(
            r.speed, r.power, r.battery_level, r.usable_battery_level, r.elevation, r.altitude
        )::double precision <= '-32768.50000000001'
        OR greatest(
            r.ideal_battery_range_km, r.est_battery_range_km, r.rated_battery_range_km, r.battery_range_km
        )::double precision >= '9999.995'
        OR least(
            r.ideal_battery_range_km, r.est_battery_range_km, r.rated_battery_range_km, r.battery_range_km
        )::double precision <= '-9999.995'
        OR greatest(
            r.outside_temp, r.inside_temp, r.driver_temp_setting, r.passenger_temp_setting
        )::double precision >= '999.95'
        OR least(
            r.outside_temp, r.inside_temp, r.driver_temp_setting, r.passenger_temp_setting
        )::double precision <= '-999.95'
    )
    AND NOT (value.number > bounds.floor AND value.number < bounds.ceiling)
    AND NOT (value.number = 'NaN' AND value.type <> 'smallint')
GROUP BY value.name, value.type
ORDER BY value.name;

-- What became drives.
-- convoy:if-applied 20190330160000
-- convoy:if-pending 20190812191616
SELECT pg_catalog.format(
        'trips.%s does not fit into %s in %s row(s), the first with id %s: correct it',
        value.name, value.type, count(*), min(r.id))
FROM (
    SELECT
        NULL::double precision AS inside_temp_avg
) AS absent
CROSS JOIN LATERAL (
    SELECT
        id, duration_min, speed_max, power_max, power_min, start_range_km, end_range_km, outside_temp_avg,
        inside_temp_avg
    FROM trips
) AS r
CROSS JOIN LATERAL (
    VALUES
        ('duration_min', 'smallint', r.duration_min::double precision),
        ('speed_max', 'smallint', r.speed_max::double precision),
        ('power_max', 'smallint', r.power_max::double precision),
        ('power_min', 'smallint', r.power_min::double precision),
        ('start_range_km', 'numeric(6, 2)', r.start_range_km::double precision),
        ('end_range_km', 'numeric(6, 2)', r.end_range_km::double precision),
        ('outside_temp_avg', 'numeric(4, 1)', r.outside_temp_avg::double precision),
        ('inside_temp_avg', 'numeric(4, 1)', r.inside_temp_avg::double precision)
) AS value (name, type, number)
JOIN (
    VALUES
        ('smallint', double precision '-32768.50000000001', double precision '32767.5'),
        ('numeric(6, 2)', double precision '-9999.995', double precision '9999.995'),
        ('numeric(4, 1)', double precision '-999.95', double precision '999.95')
) AS bounds (type, floor, ceiling) ON bounds.type = value.type
WHERE (
        greatest(r.duration_min, r.speed_max, r.power_max, r.power_min)::double precision >= '32767.5'
        OR least(r.duration_min, r.speed_max, r.power_max, r.power_min)::double precision <= '-32768.50000000001'
        OR greatest(r.start_range_km, r.end_range_km)::double precision >= '9999.995'
        OR least(r.start_range_km, r.end_range_km)::double precision <= '-9999.995'
        OR greatest(r.outside_temp_avg, r.inside_temp_avg)::double precision >= '999.95'
        OR least(r.outside_temp_avg, r.inside_temp_avg)::double precision <= '-999.95'
    )
    AND NOT (value.number > bounds.floor AND value.number < bounds.ceiling)
    AND NOT (value.number = 'NaN' AND value.type <> 'smallint')
GROUP BY value.name, value.type
ORDER BY value.name;

-- convoy:if-applied 20190812191616
SELECT pg_catalog.format(
        'drives.%s does not fit into %s in %s row(s), the first with id %s: correct it',
        value.name, value.type, count(*), min(r.id))
FROM (
    SELECT
        NULL::double precision AS start_range_km, NULL::double precision AS end_range_km,
        NULL::double precision AS start_ideal_range_km, NULL::double precision AS end_ideal_range_km,
        NULL::double precision AS start_rated_range_km, NULL::double precision AS end_rated_range_km
) AS absent
CROSS JOIN LATERAL (
    SELECT
        id, duration_min, speed_max, power_max, power_min, start_range_km, end_range_km, start_ideal_range_km,
        end_ideal_range_km, start_rated_range_km, end_rated_range_km, outside_temp_avg, inside_temp_avg
    FROM drives
) AS r
CROSS JOIN LATERAL (
    VALUES
        ('duration_min', 'smallint', r.duration_min::double precision),
        ('speed_max', 'smallint', r.speed_max::double precision),
        ('power_max', 'smallint', r.power_max::double precision),
        ('power_min', 'smallint', r.power_min::double precision),
        ('start_range_km', 'numeric(6, 2)', r.start_range_km::double precision),
        ('end_range_km', 'numeric(6, 2)', r.end_range_km::double precision),
        ('start_ideal_range_km', 'numeric(6, 2)', r.start_ideal_range_km::double precision),
        ('end_ideal_range_km', 'numeric(6, 2)', r.end_ideal_range_km::double precision),
        ('start_rated_range_km', 'numeric(6, 2)', r.start_rated_range_km::double precision),
        ('end_rated_range_km', 'numeric(6, 2)', r.end_rated_range_km::double precision),
        ('outside_temp_avg', 'numeric(4, 1)', r.outside_temp_avg::double precision),
        ('inside_temp_avg', 'numeric(4, 1)', r.inside_temp_avg::double precision)
) AS value (name, type, number)
JOIN (
    VALUES
        ('smallint', double precision '-32768.50000000001', double precision '32767.5'),
        ('numeric(6, 2)', double precision '-9999.995', double precision '9999.995'),
        ('numeric(4, 1)', double precision '-999.95', double precision '999.95')
) AS bounds (type, floor, ceiling) ON bounds.type = value.type
WHERE (
        greatest(r.duration_min, r.speed_max, r.power_max, r.power_min)::double precision >= '32767.5'
        OR least(r.duration_min, r.speed_max, r.power_max, r.power_min)::double precision <= '-32768.50000000001'
        OR greatest(
            r.start_range_km, r.end_range_km, r.start_ideal_range_km, r.end_ideal_range_km, r.start_rated_range_km,
            r.end_rated_range_km
        )::double precision >= '9999.995'
        OR least(
            r.start_range_km, r.end_range_km, r.start_ideal_range_km, r.end_ideal_range_km, r.start_rated_range_km,
            r.end_rated_range_km
        )::double precision <= '-9999.995'
        OR greatest(r.outside_temp_avg, r.inside_temp_avg)::double precision >= '999.95'
        OR least(r.outside_temp_avg, r.inside_temp_avg)::double precision <= '-999.95'
    )
    AND NOT (value.number > bounds.floor AND value.number < bounds.ceiling)
    AND NOT (value.number = 'NaN' AND value.type <> 'smallint')
GROUP BY value.name, value.type
ORDER BY value.name;

-- convoy:if-applied 20191212230527
SELECT pg_catalog.format(
        'charging_processes.%s does not fit into %s in %s row(s), the first with id %s: correct it',
        value.name, value.type, count(*), min(r.id))
FROM charging_processes AS r
CROSS JOIN LATERAL (
    VALUES
        ('duration_min', 'smallint', r.duration_min::double precision),
        ('start_battery_level', 'smallint', r.start_battery_level::double precision),
        ('end_battery_level', 'smallint', r.end_battery_level::double precision),
        ('charge_energy_added', 'numeric(8, 2)', r.charge_energy_added::double precision),
        ('charge_energy_used', 'numeric(8, 2)', r.charge_energy_used::double precision),
        ('start_ideal_range_km', 'numeric(6, 2)', r.start_ideal_range_km::double precision),
        ('end_ideal_range_km', 'numeric(6, 2)', r.end_ideal_range_km::double precision),
        ('start_rated_range_km', 'numeric(6, 2)', r.start_rated_range_km::double precision),
        ('end_rated_range_km', 'numeric(6, 2)', r.end_rated_range_km::double precision),
        ('outside_temp_avg', 'numeric(4, 1)', r.outside_temp_avg::double precision)
) AS value (name, type, number)
JOIN (
    VALUES
        ('smallint', double precision '-32768.50000000001', double precision '32767.5'),
        ('numeric(8, 2)', double precision '-999999.995', double precision '999999.995'),
        ('numeric(6, 2)', double precision '-9999.995', double precision '9999.995'),
        ('numeric(4, 1)', double precision '-999.95', double precision '999.95')
) AS bounds (type, floor, ceiling) ON bounds.type = value.type
WHERE (
        greatest(r.duration_min, r.start_battery_level, r.end_battery_level)::double precision >= '32767.5'
        OR least(r.duration_min, r.start_battery_level, r.end_battery_level)::double precision <= '-32768.50000000001'
        OR greatest(r.charge_energy_added, r.charge_energy_used)::double precision >= '999999.995'
        OR least(r.charge_energy_added, r.charge_energy_used)::double precision <= '-999999.995'
        OR greatest(
            r.start_ideal_range_km, r.end_ideal_range_km, r.start_rated_range_km, r.end_rated_range_km
        )::double precision >= '9999.995'
        OR least(
            r.start_ideal_range_km, r.end_ideal_range_km, r.start_rated_range_km, r.end_rated_range_km
        )::double precision <= '-9999.995'
        OR r.outside_temp_avg::double precision >= '999.95'
        OR r.outside_temp_avg::double precision <= '-999.95'
    )
    AND NOT (value.number > bounds.floor AND value.number < bounds.ceiling)
    AND NOT (value.number = 'NaN' AND value.type <> 'smallint')
GROUP BY value.name, value.type
ORDER BY value.name;

-- 20191212230527 takes these figures from the charges, which are looked at below; without charges only the energies go.
-- convoy:if-applied 20190330200000
-- convoy:if-pending 20191212230527
SELECT pg_catalog.format(
        'charging_processes.%s does not fit into %s in %s row(s), the first with id %s: correct it',
        value.name, value.type, count(*), min(r.id))
FROM (
    SELECT
        NULL::double precision AS start_soc, NULL::double precision AS end_soc,
        NULL::double precision AS start_range_km, NULL::double precision AS end_range_km,
        NULL::double precision AS start_ideal_range_km, NULL::double precision AS end_ideal_range_km,
        NULL::double precision AS start_rated_range_km, NULL::double precision AS end_rated_range_km
) AS absent
CROSS JOIN LATERAL (
    SELECT
        id, duration_min, start_battery_level, end_battery_level, start_soc, end_soc, start_range_km, end_range_km,
        start_ideal_range_km, end_ideal_range_km, start_rated_range_km, end_rated_range_km, outside_temp_avg
    FROM charging_processes
) AS r
CROSS JOIN LATERAL (
    VALUES
        ('duration_min', 'smallint', r.duration_min::double precision),
        ('start_battery_level', 'smallint', r.start_battery_level::double precision),
        ('end_battery_level', 'smallint', r.end_battery_level::double precision),
        ('start_soc', 'numeric(6, 2)', r.start_soc::double precision),
        ('end_soc', 'numeric(6, 2)', r.end_soc::double precision),
        ('start_range_km', 'numeric(6, 2)', r.start_range_km::double precision),
        ('end_range_km', 'numeric(6, 2)', r.end_range_km::double precision),
        ('start_ideal_range_km', 'numeric(6, 2)', r.start_ideal_range_km::double precision),
        ('end_ideal_range_km', 'numeric(6, 2)', r.end_ideal_range_km::double precision),
        ('start_rated_range_km', 'numeric(6, 2)', r.start_rated_range_km::double precision),
        ('end_rated_range_km', 'numeric(6, 2)', r.end_rated_range_km::double precision),
        ('outside_temp_avg', 'numeric(4, 1)', r.outside_temp_avg::double precision)
) AS value (name, type, number)
JOIN (
    VALUES
        ('smallint', double precision '-32768.50000000001', double precision '32767.5'),
        ('numeric(6, 2)', double precision '-9999.995', double precision '9999.995'),
        ('numeric(4, 1)', double precision '-999.95', double precision '999.95')
) AS bounds (type, floor, ceiling) ON bounds.type = value.type
WHERE (
        greatest(r.duration_min, r.start_battery_level, r.end_battery_level)::double precision >= '32767.5'
        OR least(r.duration_min, r.start_battery_level, r.end_battery_level)::double precision <= '-32768.50000000001'
        OR greatest(
            r.start_soc, r.end_soc, r.start_range_km, r.end_range_km, r.start_ideal_range_km, r.end_ideal_range_km,
            r.start_rated_range_km, r.end_rated_range_km
        )::double precision >= '9999.995'
        OR least(
            r.start_soc, r.end_soc, r.start_range_km, r.end_range_km, r.start_ideal_range_km, r.end_ideal_range_km,
            r.start_rated_range_km, r.end_rated_range_km
        )::double precision <= '-9999.995'
        OR r.outside_temp_avg::double precision >= '999.95'
        OR r.outside_temp_avg::double precision <= '-999.95'
    )
    AND NOT (value.number > bounds.floor AND value.number < bounds.ceiling)
    AND NOT (value.number = 'NaN' AND value.type <> 'smallint')
    AND NOT EXISTS (SELECT FROM charges WHERE charges.charging_process_id = r.id)
GROUP BY value.name, value.type
ORDER BY value.name;

-- The duration is the one figure that can be too great though no charge is.
-- convoy:if-applied 20190330200000
-- convoy:if-pending 20191212230527
SELECT pg_catalog.format(
        'charges of charging process %s span %s minutes, and at most 32767 fit: correct their dates, or delete those that do not belong to it',
        charging_process_id, pg_catalog.round(extract(epoch FROM max(date) - min(date))::double precision / double precision '60'))
FROM charges
GROUP BY charging_process_id
HAVING extract(epoch FROM max(date) - min(date))::double precision / double precision '60' >= double precision '32767.5'
ORDER BY charging_process_id;

-- convoy:if-applied 20190330200000
SELECT pg_catalog.format(
        'charges.%s does not fit into %s in %s row(s), the first with id %s: correct it',
        value.name, value.type, count(*), min(r.id))
FROM (
    SELECT
        NULL::double precision AS usable_battery_level, NULL::double precision AS rated_battery_range_km
) AS absent
CROSS JOIN LATERAL (
    SELECT
        id, battery_level, usable_battery_level, charger_actual_current, charger_phases, charger_pilot_current,
        charger_power, charger_voltage, charge_energy_added, ideal_battery_range_km, rated_battery_range_km,
        outside_temp
    FROM charges
) AS r
CROSS JOIN LATERAL (
    VALUES
        ('battery_level', 'smallint', r.battery_level::double precision),
        ('usable_battery_level', 'smallint', r.usable_battery_level::double precision),
        ('charger_actual_current', 'smallint', r.charger_actual_current::double precision),
        ('charger_phases', 'smallint', r.charger_phases::double precision),
        ('charger_pilot_current', 'smallint', r.charger_pilot_current::double precision),
        ('charger_power', 'smallint', r.charger_power::double precision),
        ('charger_voltage', 'smallint', r.charger_voltage::double precision),
        ('charge_energy_added', 'numeric(8, 2)', r.charge_energy_added::double precision),
        ('ideal_battery_range_km', 'numeric(6, 2)', r.ideal_battery_range_km::double precision),
        ('rated_battery_range_km', 'numeric(6, 2)', r.rated_battery_range_km::double precision),
        ('outside_temp', 'numeric(4, 1)', r.outside_temp::double precision)
) AS value (name, type, number)
JOIN (
    VALUES
        ('smallint', double precision '-32768.50000000001', double precision '32767.5'),
        ('numeric(8, 2)', double precision '-999999.995', double precision '999999.995'),
        ('numeric(6, 2)', double precision '-9999.995', double precision '9999.995'),
        ('numeric(4, 1)', double precision '-999.95', double precision '999.95')
) AS bounds (type, floor, ceiling) ON bounds.type = value.type
WHERE (
        greatest(
            r.battery_level, r.usable_battery_level, r.charger_actual_current, r.charger_phases,
            r.charger_pilot_current, r.charger_power, r.charger_voltage
        )::double precision >= '32767.5'
        OR least(
            r.battery_level, r.usable_battery_level, r.charger_actual_current, r.charger_phases,
            r.charger_pilot_current, r.charger_power, r.charger_voltage
        )::double precision <= '-32768.50000000001'
        OR r.charge_energy_added::double precision >= '999999.995'
        OR r.charge_energy_added::double precision <= '-999999.995'
        OR greatest(r.ideal_battery_range_km, r.rated_battery_range_km)::double precision >= '9999.995'
        OR least(r.ideal_battery_range_km, r.rated_battery_range_km)::double precision <= '-9999.995'
        OR r.outside_temp::double precision >= '999.95'
        OR r.outside_temp::double precision <= '-999.95'
    )
    AND NOT (value.number > bounds.floor AND value.number < bounds.ceiling)
    AND NOT (value.number = 'NaN' AND value.type <> 'smallint')
GROUP BY value.name, value.type
ORDER BY value.name;

-- Older addresses are deleted by 20200120142602.
-- convoy:if-applied 20200120142602
SELECT pg_catalog.format(
        'addresses.%s does not fit into %s in %s row(s), the first with id %s: correct it',
        value.name, value.type, count(*), min(r.id))
FROM addresses AS r
CROSS JOIN LATERAL (
    VALUES
        ('latitude', 'numeric(8, 6)', r.latitude::double precision),
        ('longitude', 'numeric(9, 6)', r.longitude::double precision)
) AS value (name, type, number)
JOIN (
    VALUES
        ('numeric(8, 6)', double precision '-99.9999995', double precision '99.9999995'),
        ('numeric(9, 6)', double precision '-999.9999995', double precision '999.9999995')
) AS bounds (type, floor, ceiling) ON bounds.type = value.type
WHERE (
        r.latitude::double precision >= '99.9999995'
        OR r.latitude::double precision <= '-99.9999995'
        OR r.longitude::double precision >= '999.9999995'
        OR r.longitude::double precision <= '-999.9999995'
    )
    AND NOT (value.number > bounds.floor AND value.number < bounds.ceiling)
    AND NOT (value.number = 'NaN' AND value.type <> 'smallint')
GROUP BY value.name, value.type
ORDER BY value.name;

-- convoy:if-applied 20190810151901
SELECT pg_catalog.format(
        'geofences.%s does not fit into %s in %s row(s), the first with id %s: correct it',
        value.name, value.type, count(*), min(r.id))
FROM geofences AS r
CROSS JOIN LATERAL (
    VALUES
        ('latitude', 'numeric(8, 6)', r.latitude::double precision),
        ('longitude', 'numeric(9, 6)', r.longitude::double precision),
        ('radius', 'smallint', r.radius::double precision)
) AS value (name, type, number)
JOIN (
    VALUES
        ('numeric(8, 6)', double precision '-99.9999995', double precision '99.9999995'),
        ('numeric(9, 6)', double precision '-999.9999995', double precision '999.9999995'),
        ('smallint', double precision '-32768.50000000001', double precision '32767.5')
) AS bounds (type, floor, ceiling) ON bounds.type = value.type
WHERE (
        r.latitude::double precision >= '99.9999995'
        OR r.latitude::double precision <= '-99.9999995'
        OR r.longitude::double precision >= '999.9999995'
        OR r.longitude::double precision <= '-999.9999995'
        OR r.radius::double precision >= '32767.5'
        OR r.radius::double precision <= '-32768.50000000001'
    )
    AND NOT (value.number > bounds.floor AND value.number < bounds.ceiling)
    AND NOT (value.number = 'NaN' AND value.type <> 'smallint')
GROUP BY value.name, value.type
ORDER BY value.name;

-- Ids; all others refer to these.
-- convoy:if-applied 20190812191616
SELECT pg_catalog.format('%s has the id %s, and the greatest that fits is %s: give the row a smaller one', ids.name, ids.id, ids.limit)
FROM (
    SELECT 'cars', max(id), bigint '32767' FROM cars
    UNION ALL SELECT 'charges', max(id), bigint '2147483647' FROM charges
    UNION ALL SELECT 'charging_processes', max(id), bigint '2147483647' FROM charging_processes
    UNION ALL SELECT 'drives', max(id), bigint '2147483647' FROM drives
    UNION ALL SELECT 'geofences', max(id), bigint '2147483647' FROM geofences
    UNION ALL SELECT 'positions', max(id), bigint '2147483647' FROM positions
    UNION ALL SELECT 'states', max(id), bigint '2147483647' FROM states
    UNION ALL SELECT 'tokens', max(id), bigint '2147483647' FROM tokens
    UNION ALL SELECT 'updates', max(id), bigint '2147483647' FROM updates
) AS ids (name, id, "limit")
WHERE ids.id > ids.limit;

-- A view keeps the types of the columns that it uses.
SELECT pg_catalog.format(
        '%s uses %s column(s) whose type changes, such as %s: keep its definition (pg_get_viewdef), drop it, and make it again after the migration',
        view.oid::pg_catalog.regclass, count(*), min(changed.relname::text || '.' || a.attname::text))
FROM (
    SELECT DISTINCT r.ev_class, d.refobjid, d.refobjsubid
    FROM pg_catalog.pg_depend AS d
    JOIN pg_catalog.pg_rewrite AS r ON r.oid = d.objid
    WHERE d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
        AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
        AND d.refobjsubid > 0
) AS used
JOIN pg_catalog.pg_class AS view ON view.oid = used.ev_class
JOIN pg_catalog.pg_class AS changed ON changed.oid = used.refobjid
JOIN pg_catalog.pg_namespace AS n ON n.oid = changed.relnamespace
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = used.refobjid AND a.attnum = used.refobjsubid
WHERE view.oid <> changed.oid
    AND n.nspname = pg_catalog.current_schema()
    AND changed.relname::text IN (
        'addresses', 'cars', 'charges', 'charging_processes', 'drives', 'geofences', 'positions', 'states', 'tokens', 'trips', 'updates'
    )
    AND a.atttypid IN ('bigint'::pg_catalog.regtype, 'integer'::pg_catalog.regtype, 'double precision'::pg_catalog.regtype)
    AND a.attname::text NOT IN (
        'distance', 'efficiency', 'eid', 'end_km', 'fan_status', 'odometer', 'osm_id', 'settings_id', 'start_km', 'vid'
    )
GROUP BY view.oid
ORDER BY view.oid;
