-- migrate:up
CREATE TABLE cars (
    id bigserial PRIMARY KEY,
    eid bigint NOT NULL,
    vid bigint NOT NULL,
    model varchar(255) NOT NULL,
    efficiency double precision NOT NULL,
    inserted_at timestamp(0) NOT NULL,
    updated_at timestamp(0) NOT NULL
);

CREATE UNIQUE INDEX cars_eid_index ON cars (eid);

CREATE UNIQUE INDEX cars_vid_index ON cars (vid);

-- migrate:down
DROP TABLE cars;
