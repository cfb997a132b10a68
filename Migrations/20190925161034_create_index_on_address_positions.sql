-- migrate:up
CREATE INDEX addresses_ll_to_earth_latitude__longitude_index
    ON addresses (ll_to_earth(latitude, longitude));

-- migrate:down
DROP INDEX addresses_ll_to_earth_latitude__longitude_index;
