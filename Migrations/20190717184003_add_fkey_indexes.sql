-- migrate:up
CREATE INDEX trips_car_id_index ON trips (car_id);

CREATE INDEX trips_start_address_id_index ON trips (start_address_id);

CREATE INDEX trips_end_address_id_index ON trips (end_address_id);

CREATE INDEX positions_car_id_index ON positions (car_id);

CREATE INDEX positions_trip_id_index ON positions (trip_id);

CREATE INDEX states_car_id_index ON states (car_id);

CREATE INDEX charging_processes_car_id_index ON charging_processes (car_id);

CREATE INDEX charging_processes_position_id_index ON charging_processes (position_id);

CREATE INDEX charging_processes_address_id_index ON charging_processes (address_id);

CREATE INDEX charges_charging_process_id_index ON charges (charging_process_id);

CREATE INDEX updates_car_id_index ON updates (car_id);

-- migrate:down
DROP INDEX updates_car_id_index;

DROP INDEX charges_charging_process_id_index;

DROP INDEX charging_processes_address_id_index;

DROP INDEX charging_processes_position_id_index;

DROP INDEX charging_processes_car_id_index;

DROP INDEX states_car_id_index;

DROP INDEX positions_trip_id_index;

DROP INDEX positions_car_id_index;

DROP INDEX trips_end_address_id_index;

DROP INDEX trips_start_address_id_index;

DROP INDEX trips_car_id_index;
