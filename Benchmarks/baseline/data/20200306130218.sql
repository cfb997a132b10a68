-- The rows by PostgreSQL's own test for keys.
UPDATE addresses SET city = trim(BOTH '"' FROM coalesce(a -> 'city', a -> 'town', a -> 'municipality', a -> 'village', a -> 'hamlet', a -> 'locality', a -> 'croft')::text)
FROM (SELECT id, raw -> 'address' AS a FROM addresses OFFSET 0) AS parts
WHERE parts.id = addresses.id AND a ?| ARRAY['village', 'hamlet', 'locality', 'croft'];
