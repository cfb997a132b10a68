-- migrate:up
CREATE TABLE addresses (
    id bigserial PRIMARY KEY,
    display_name varchar(512),
    place_id integer,
    latitude double precision,
    longitude double precision,
    name varchar(255),
    house_number varchar(255),
    road varchar(255),
    neighbourhood varchar(255),
    city varchar(255),
    county varchar(255),
    postcode varchar(255),
    state varchar(255),
    state_district varchar(255),
    country varchar(255),
    raw jsonb,
    inserted_at timestamp(0) NOT NULL,
    updated_at timestamp(0) NOT NULL
);

CREATE UNIQUE INDEX addresses_place_id_index ON addresses (place_id);

-- migrate:down
DROP TABLE addresses;
