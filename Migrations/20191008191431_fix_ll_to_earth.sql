-- migrate:up
-- convoy:admin earthdistance
-- The same point on the globe as before, but with every name qualified instead of a search path of its own, so that the
-- function works whatever the search path is. It stays a member of the extension earthdistance;
-- the role must own it.
CREATE OR REPLACE FUNCTION public.ll_to_earth(double precision, double precision)
RETURNS public.earth
LANGUAGE sql
IMMUTABLE STRICT PARALLEL SAFE
AS $function$
    SELECT public.cube(
        public.cube(
            public.cube(public.earth() * pg_catalog.cos(pg_catalog.radians($1)) * pg_catalog.cos(pg_catalog.radians($2))),
            public.earth() * pg_catalog.cos(pg_catalog.radians($1)) * pg_catalog.sin(pg_catalog.radians($2))
        ),
        public.earth() * pg_catalog.sin(pg_catalog.radians($1))
    )::public.earth
$function$;

-- migrate:down
-- Nothing is undone: the function stays as replaced, as TeslaMate leaves it. It gives the same results as the original,
-- whose exact text depends on the release of the extension.
