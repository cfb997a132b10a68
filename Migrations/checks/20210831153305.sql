-- convoy:if-applied 20210812173700
SELECT pg_catalog.format('car %s has no display_priority: set it, for example to 1', id)
FROM cars
WHERE display_priority IS NULL;
