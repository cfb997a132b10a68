-- convoy:if-applied 20190330190000
SELECT pg_catalog.format(
        'charging_processes has %s row(s) without start_date (the first has id %s): set it, for example to the date of the position, or delete them',
        count(*), min(id))
FROM charging_processes
WHERE start_date IS NULL
HAVING count(*) > 0;
