-- migrate:up
CREATE TABLE trips (
    id bigserial PRIMARY KEY,
    start_date timestamp(0) NOT NULL,
    end_date timestamp(0),
    outside_temp_avg double precision,
    speed_max integer,
    power_max double precision,
    power_min double precision,
    power_avg double precision,
    start_range_km double precision,
    end_range_km double precision,
    start_km double precision,
    end_km double precision,
    distance double precision,
    duration_min integer,
    start_address varchar(255),
    end_address varchar(255),
    "consumption_kWh" double precision,
    "consumption_kWh_100km" double precision,
    efficiency double precision,
    car_id bigint NOT NULL CONSTRAINT trips_car_id_fkey REFERENCES cars (id)
);

-- migrate:down
DROP TABLE trips;
