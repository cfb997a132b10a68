-- A car without VIN gets a marker that must not be another car's VIN.
-- convoy:if-applied 20190816165713
SELECT pg_catalog.format('car %s has as VIN the marker that car %s is to get: correct its VIN', other.id, car.id)
FROM cars AS car
JOIN cars AS other ON other.vin = '__legacy_null_vin__:' || car.id::text
WHERE car.vin IS NULL;
