-- migrate:up
-- Converts from metres. An unknown unit gives NULL.
CREATE FUNCTION convert_m(n double precision, unit text)
    RETURNS double precision
    LANGUAGE sql
    IMMUTABLE
    STRICT
    AS $$
        SELECT CASE unit
            WHEN 'm' THEN n
            WHEN 'ft' THEN n * 3.28084
        END
    $$;

-- migrate:down
DROP FUNCTION convert_m(double precision, text);
