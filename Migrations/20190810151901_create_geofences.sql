-- migrate:up
CREATE TABLE geofences (
    id bigserial PRIMARY KEY,
    name varchar(255) NOT NULL,
    latitude double precision NOT NULL,
    longitude double precision NOT NULL,
    radius double precision NOT NULL DEFAULT 25,
    address_id bigint NOT NULL CONSTRAINT geofences_address_id_fkey REFERENCES addresses (id),
    inserted_at timestamp(0) NOT NULL,
    updated_at timestamp(0) NOT NULL
);

CREATE UNIQUE INDEX geofences_address_id_index ON geofences (address_id);

-- migrate:down
DROP TABLE geofences;
