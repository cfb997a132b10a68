-- The city is taken from the geocoder's answer. What is there before 20200120142602 is deleted by that version.
-- convoy:if-applied 20200120142602
SELECT pg_catalog.format(
        'addresses has %s row(s) whose city in raw is longer than 255 characters (the first has id %s): shorten it there', count(*), min(id))
FROM (
    SELECT id,
        trim(
            BOTH '"' FROM coalesce(
                raw -> 'address' -> 'city',
                raw -> 'address' -> 'town',
                raw -> 'address' -> 'municipality',
                raw -> 'address' -> 'village',
                raw -> 'address' -> 'hamlet',
                raw -> 'address' -> 'locality',
                raw -> 'address' -> 'croft'
            )::text
        ) AS city
    FROM addresses
    WHERE coalesce(
            raw -> 'address' -> 'village',
            raw -> 'address' -> 'hamlet',
            raw -> 'address' -> 'locality',
            raw -> 'address' -> 'croft'
        ) IS NOT NULL
) AS cities
-- Blanks at the end would be cut without a word.
WHERE pg_catalog.char_length(pg_catalog.rtrim(city, ' ')) > 255
HAVING count(*) > 0;
