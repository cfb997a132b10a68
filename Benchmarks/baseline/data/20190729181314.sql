UPDATE trips
SET efficiency = 1 / efficiency
WHERE efficiency IS NOT NULL;

