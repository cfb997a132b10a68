-- The sleep settings of the cars are copied from the one row of settings. Before 20190810105216 that version's check counts the rows.
-- convoy:if-applied 20190810105216
SELECT CASE count(*)
        WHEN 0 THEN 'settings is empty, but must have exactly one row: INSERT INTO settings (inserted_at, updated_at) VALUES (now(), now())'
        ELSE pg_catalog.format('settings has %s rows, but must have exactly one: delete all but the one that is in use', count(*))
    END
FROM settings
HAVING count(*) <> 1;

-- convoy:if-applied 20190810131321
SELECT pg_catalog.format('settings.suspend_min is %s, allowed are 21 to 90 minutes: set it to one of these', suspend_min)
FROM settings
WHERE suspend_min > 90
    AND EXISTS (SELECT FROM cars);

-- What is too short for 20190814152810 is raised by that version.
-- convoy:if-applied 20190814152810
SELECT pg_catalog.format('settings.suspend_min is %s, allowed are 1 to 90 minutes: set it to one of these', suspend_min)
FROM settings
WHERE suspend_min <= 0
    AND EXISTS (SELECT FROM cars);

-- convoy:if-applied 20190810131321
SELECT pg_catalog.format(
        'settings.suspend_after_idle_min is %s, allowed are 1 to 60 minutes: set it to one of these', suspend_after_idle_min)
FROM settings
WHERE suspend_after_idle_min NOT BETWEEN 1 AND 60
    AND EXISTS (SELECT FROM cars);
