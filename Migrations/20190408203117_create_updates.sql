-- migrate:up
CREATE TABLE updates (
    id bigserial PRIMARY KEY,
    start_date timestamp(0) NOT NULL,
    end_date timestamp(0),
    version varchar(255),
    car_id bigint NOT NULL CONSTRAINT updates_car_id_fkey REFERENCES cars (id)
);

-- migrate:down
DROP TABLE updates;
