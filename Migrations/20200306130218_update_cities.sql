-- migrate:up
-- Addresses in small places get as city the first of these that their geocoder answer has. The JSON value is taken as
-- text without the double quotes around it, so escapes inside stay as they are and a JSON null becomes the word null.
UPDATE addresses
SET city = trim(
        BOTH '"' FROM coalesce(
            parts -> 'city',
            parts -> 'town',
            parts -> 'municipality',
            parts -> 'village',
            parts -> 'hamlet',
            parts -> 'locality',
            parts -> 'croft'
        )::text
    )
-- Out of line, so that each answer is taken apart only once.
FROM (SELECT id, raw -> 'address' AS parts FROM addresses OFFSET 0) AS answers
WHERE answers.id = addresses.id
  AND jsonb_typeof(parts) = 'object'
  AND parts ?| ARRAY['village', 'hamlet', 'locality', 'croft'];

-- migrate:down
-- Nothing to undo: the cities before are not kept.
