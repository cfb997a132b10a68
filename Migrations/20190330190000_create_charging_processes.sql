-- migrate:up
CREATE TABLE charging_processes (
    id bigserial PRIMARY KEY,
    start_date timestamp(0),
    end_date timestamp(0),
    charge_energy_added double precision,
    start_soc double precision,
    end_soc double precision,
    start_battery_level integer,
    end_battery_level integer,
    calculated_max_range integer,
    duration_min integer,
    outside_temp_avg double precision,
    car_id bigint NOT NULL CONSTRAINT charging_processes_car_id_fkey REFERENCES cars (id),
    position_id bigint NOT NULL CONSTRAINT charging_processes_position_id_fkey REFERENCES positions (id)
);

-- migrate:down
DROP TABLE charging_processes;
