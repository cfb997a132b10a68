-- migrate:up
-- Convert from Celsius and from kilometres. An unknown unit gives NULL.
CREATE FUNCTION convert_celsius(n double precision, unit text)
    RETURNS double precision
    LANGUAGE sql
    IMMUTABLE
    STRICT
    AS $$
        SELECT CASE unit
            WHEN 'C' THEN n
            WHEN 'F' THEN n * 9.0 / 5.0 + 32.0
        END
    $$;

CREATE FUNCTION convert_km(n double precision, unit text)
    RETURNS double precision
    LANGUAGE sql
    IMMUTABLE
    STRICT
    AS $$
        SELECT CASE unit
            WHEN 'km' THEN n
            WHEN 'mi' THEN n / 1.60934
        END
    $$;

-- migrate:down
DROP FUNCTION convert_km(double precision, text);

DROP FUNCTION convert_celsius(double precision, text);
