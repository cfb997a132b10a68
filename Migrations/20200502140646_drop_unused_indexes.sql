-- migrate:up
DROP INDEX IF EXISTS positions_ll_to_earth_latitude__longitude_index;

DROP INDEX IF EXISTS addresses_ll_to_earth_latitude__longitude_index;

-- migrate:down
CREATE INDEX IF NOT EXISTS addresses_ll_to_earth_latitude__longitude_index
    ON addresses USING gist (ll_to_earth(latitude::double precision, longitude::double precision));

CREATE INDEX IF NOT EXISTS positions_ll_to_earth_latitude__longitude_index
    ON positions USING gist (ll_to_earth(latitude::double precision, longitude::double precision));
