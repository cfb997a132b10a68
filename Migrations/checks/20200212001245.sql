-- Four digits after the point leave two before it.
-- convoy:if-applied 20200203180529
SELECT pg_catalog.format('geofence %s has a cost_per_kwh of %s, and the most that fits is 99.99: correct it', id, cost_per_kwh)
FROM geofences
WHERE cost_per_kwh <> 'NaN'
    AND pg_catalog.abs(cost_per_kwh) >= 100.0;
