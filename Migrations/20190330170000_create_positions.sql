-- migrate:up
CREATE TABLE positions (
    id bigserial PRIMARY KEY,
    date timestamp(0) NOT NULL,
    latitude double precision NOT NULL,
    longitude double precision NOT NULL,
    speed integer,
    power double precision,
    odometer double precision,
    ideal_battery_range_km double precision,
    battery_level integer,
    outside_temp double precision,
    altitude double precision,
    fan_status integer,
    driver_temp_setting double precision,
    passenger_temp_setting double precision,
    is_climate_on boolean,
    is_rear_defroster_on boolean,
    is_front_defroster_on boolean,
    car_id bigint NOT NULL CONSTRAINT positions_car_id_fkey REFERENCES cars (id),
    trip_id bigint CONSTRAINT positions_trip_id_fkey REFERENCES trips (id)
);

-- migrate:down
DROP TABLE positions;
