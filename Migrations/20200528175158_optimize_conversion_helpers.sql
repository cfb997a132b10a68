-- migrate:up
DROP FUNCTION IF EXISTS public.convert_km(double precision, text);

DROP FUNCTION IF EXISTS public.convert_celsius(double precision, text);

-- An unknown unit gives NULL.
CREATE OR REPLACE FUNCTION public.convert_km(n numeric, unit text)
RETURNS numeric
LANGUAGE sql
AS $$
    SELECT CASE unit
        WHEN 'km' THEN n
        WHEN 'mi' THEN n / 1.60934
    END
$$;

CREATE OR REPLACE FUNCTION public.convert_celsius(n numeric, unit text)
RETURNS numeric
LANGUAGE sql
AS $$
    SELECT CASE unit
        WHEN 'C' THEN n
        WHEN 'F' THEN n * 9 / 5 + 32
    END
$$;

-- migrate:down
-- The double precision functions come back. TeslaMate's own way down leaves the numeric ones in their place.
DROP FUNCTION IF EXISTS public.convert_celsius(numeric, text);

DROP FUNCTION IF EXISTS public.convert_km(numeric, text);

CREATE OR REPLACE FUNCTION public.convert_celsius(n double precision, unit text)
RETURNS double precision
LANGUAGE sql
IMMUTABLE STRICT
AS $$
    SELECT CASE unit
        WHEN 'C' THEN n
        WHEN 'F' THEN n * 9 / 5 + 32
    END
$$;

CREATE OR REPLACE FUNCTION public.convert_km(n double precision, unit text)
RETURNS double precision
LANGUAGE sql
IMMUTABLE STRICT
AS $$
    SELECT CASE unit
        WHEN 'km' THEN n
        WHEN 'mi' THEN n / 1.60934
    END
$$;
