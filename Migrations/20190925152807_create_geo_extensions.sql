-- migrate:up
-- convoy:admin cube earthdistance
-- earthdistance is not a trusted extension: this migration needs a superuser (or both extensions made by one before,
-- and the role that owns their functions).
CREATE EXTENSION IF NOT EXISTS cube WITH SCHEMA public;

CREATE EXTENSION IF NOT EXISTS earthdistance WITH SCHEMA public;

-- Both functions call others by bare name in older releases of the extension; a fixed search path lets them
-- work in an index as well.
ALTER FUNCTION public.ll_to_earth(double precision, double precision) SET search_path = public;

ALTER FUNCTION public.earth_box(public.earth, double precision) SET search_path = public;

CREATE INDEX geofences__earth_box_ll_to_earth_latitude__longitude___radius_i
    ON geofences (earth_box(ll_to_earth(latitude, longitude), radius));

-- migrate:down
-- convoy:irreversible The extensions cube and earthdistance stay: TeslaMate has no way back here, and other objects of the database may use them.
