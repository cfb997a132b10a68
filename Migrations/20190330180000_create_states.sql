-- migrate:up
CREATE TYPE states_status AS ENUM ('online', 'offline', 'asleep');

CREATE TABLE states (
    id bigserial PRIMARY KEY,
    state states_status NOT NULL,
    start_date timestamp(0) NOT NULL,
    end_date timestamp(0),
    car_id bigint NOT NULL CONSTRAINT states_car_id_fkey REFERENCES cars (id)
);

-- migrate:down
DROP TABLE states;

DROP TYPE states_status;
