-- The choice of units is carried over from the one row of settings.
-- convoy:if-applied 20190731154452
SELECT CASE count(*)
        WHEN 0 THEN 'settings is empty, but must have exactly one row: INSERT INTO settings (inserted_at, updated_at) VALUES (now(), now())'
        ELSE pg_catalog.format('settings has %s rows, but must have exactly one: delete all but the one that is in use', count(*))
    END
FROM settings
HAVING count(*) <> 1;
