-- convoy:if-applied 20190330180000
SELECT pg_catalog.format(
        'car %s has %s open states (the first has id %s), but may have one: set the end_date of the others', car_id, count(*), min(id))
FROM states
WHERE end_date IS NULL
GROUP BY car_id
HAVING count(*) > 1;

-- convoy:if-applied 20190330180000
SELECT pg_catalog.format(
        'states has %s row(s) that end before they start (the first has id %s): correct end_date, or set it to start_date',
        count(*), min(id))
FROM states
WHERE end_date < start_date
HAVING count(*) > 0;

-- convoy:if-applied 20190408203117
SELECT pg_catalog.format(
        'updates has %s row(s) that end before they start (the first has id %s): correct end_date, or set it to start_date',
        count(*), min(id))
FROM updates
WHERE end_date < start_date
HAVING count(*) > 0;
