-- The functions are dropped and made anew, which what was built upon them does not let happen.
-- convoy:if-applied 20190729142656
SELECT pg_catalog.format(
        '%s uses the function %s, which is replaced: keep its definition, drop it, and make it again after the migration',
        pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid), d.refobjid::pg_catalog.regprocedure)
FROM pg_catalog.pg_depend AS d
WHERE d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass
    AND d.deptype IN ("char" 'n', "char" 'a')
    AND d.refobjid IN (
        pg_catalog.to_regprocedure('public.convert_km(double precision, text)')::oid,
        pg_catalog.to_regprocedure('public.convert_celsius(double precision, text)')::oid);
