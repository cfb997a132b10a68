-- migrate:up
-- Addresses in small places get as city the first of these that their geocoder answer has. The JSON value is taken as
-- text without the double quotes around it, so escapes inside stay as they are and a JSON null becomes the word null.
UPDATE addresses
SET city = trim(
        BOTH '"' FROM coalesce(
            raw -> 'address' -> 'city',
            raw -> 'address' -> 'town',
            raw -> 'address' -> 'municipality',
            raw -> 'address' -> 'village',
            raw -> 'address' -> 'hamlet',
            raw -> 'address' -> 'locality',
            raw -> 'address' -> 'croft'
        )::text
    )
WHERE coalesce(
        raw -> 'address' -> 'village',
        raw -> 'address' -> 'hamlet',
        raw -> 'address' -> 'locality',
        raw -> 'address' -> 'croft'
    ) IS NOT NULL;

-- migrate:down
-- Nothing to undo: the cities before are not kept.
