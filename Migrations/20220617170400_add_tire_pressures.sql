-- migrate:up
ALTER TABLE positions
    ADD COLUMN tpms_pressure_fl numeric(4, 1),
    ADD COLUMN tpms_pressure_fr numeric(4, 1),
    ADD COLUMN tpms_pressure_rl numeric(4, 1),
    ADD COLUMN tpms_pressure_rr numeric(4, 1);

-- The second argument, which has no name, is the unit; an unknown one gives NULL.
CREATE OR REPLACE FUNCTION public.convert_tire_pressure(n numeric, character varying)
RETURNS numeric
LANGUAGE sql
AS $$
    SELECT CASE $2
        WHEN 'bar' THEN n
        WHEN 'psi' THEN n * 14.503773773
    END
$$;

-- migrate:down
-- TeslaMate's own way down leaves the function behind.
DROP FUNCTION IF EXISTS public.convert_tire_pressure(numeric, character varying);

ALTER TABLE positions
    DROP COLUMN tpms_pressure_fl,
    DROP COLUMN tpms_pressure_fr,
    DROP COLUMN tpms_pressure_rl,
    DROP COLUMN tpms_pressure_rr;
