-- Dates get microseconds. A view keeps the types of the columns that it uses.
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
    AND changed.relname::text || '.' || a.attname::text IN (
        'charges.date', 'charging_processes.end_date', 'charging_processes.start_date', 'drives.end_date', 'drives.start_date',
        'positions.date', 'states.end_date', 'states.start_date', 'trips.end_date', 'trips.start_date', 'updates.end_date',
        'updates.start_date'
    )
GROUP BY view.oid
ORDER BY view.oid;
