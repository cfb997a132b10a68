-- migrate:up
-- What belongs to a car, or to a charging process, goes with it; references to addresses, geofences, positions and drives
-- become NULL when their target goes. charging_processes.position_id keeps its plain foreign key.
-- Careful: from here on, deleting a row of car_settings deletes the car and all its history.
ALTER TABLE cars
    DROP CONSTRAINT cars_settings_id_fkey,
    ADD CONSTRAINT cars_settings_id_fkey FOREIGN KEY (settings_id) REFERENCES car_settings (id) ON DELETE CASCADE;

ALTER TABLE charges
    DROP CONSTRAINT charges_charging_process_id_fkey,
    ADD CONSTRAINT charges_charging_process_id_fkey FOREIGN KEY (charging_process_id) REFERENCES charging_processes (id) ON DELETE CASCADE;

ALTER TABLE charging_processes
    DROP CONSTRAINT charging_processes_car_id_fkey,
    DROP CONSTRAINT charging_processes_address_id_fkey,
    DROP CONSTRAINT charging_processes_geofence_id_fkey,
    ADD CONSTRAINT charging_processes_car_id_fkey FOREIGN KEY (car_id) REFERENCES cars (id) ON DELETE CASCADE,
    ADD CONSTRAINT charging_processes_address_id_fkey FOREIGN KEY (address_id) REFERENCES addresses (id) ON DELETE SET NULL,
    ADD CONSTRAINT charging_processes_geofence_id_fkey FOREIGN KEY (geofence_id) REFERENCES geofences (id) ON DELETE SET NULL;

-- Three of these were still called after the table's old name, trips, on most installations.
ALTER TABLE drives
    DROP CONSTRAINT IF EXISTS trips_car_id_fkey,
    DROP CONSTRAINT IF EXISTS drives_car_id_fkey,
    DROP CONSTRAINT IF EXISTS drives_start_position_id_fkey,
    DROP CONSTRAINT IF EXISTS drives_end_position_id_fkey,
    DROP CONSTRAINT IF EXISTS trips_start_address_id_fkey,
    DROP CONSTRAINT IF EXISTS drives_start_address_id_fkey,
    DROP CONSTRAINT IF EXISTS trips_end_address_id_fkey,
    DROP CONSTRAINT IF EXISTS drives_end_address_id_fkey,
    DROP CONSTRAINT IF EXISTS drives_start_geofence_id_fkey,
    DROP CONSTRAINT IF EXISTS drives_end_geofence_id_fkey,
    ADD CONSTRAINT drives_car_id_fkey FOREIGN KEY (car_id) REFERENCES cars (id) ON DELETE CASCADE,
    ADD CONSTRAINT drives_start_position_id_fkey FOREIGN KEY (start_position_id) REFERENCES positions (id) ON DELETE SET NULL,
    ADD CONSTRAINT drives_end_position_id_fkey FOREIGN KEY (end_position_id) REFERENCES positions (id) ON DELETE SET NULL,
    ADD CONSTRAINT drives_start_address_id_fkey FOREIGN KEY (start_address_id) REFERENCES addresses (id) ON DELETE SET NULL,
    ADD CONSTRAINT drives_end_address_id_fkey FOREIGN KEY (end_address_id) REFERENCES addresses (id) ON DELETE SET NULL,
    ADD CONSTRAINT drives_start_geofence_id_fkey FOREIGN KEY (start_geofence_id) REFERENCES geofences (id) ON DELETE SET NULL,
    ADD CONSTRAINT drives_end_geofence_id_fkey FOREIGN KEY (end_geofence_id) REFERENCES geofences (id) ON DELETE SET NULL;

ALTER TABLE positions
    DROP CONSTRAINT positions_car_id_fkey,
    DROP CONSTRAINT positions_drive_id_fkey,
    ADD CONSTRAINT positions_car_id_fkey FOREIGN KEY (car_id) REFERENCES cars (id) ON DELETE CASCADE,
    ADD CONSTRAINT positions_drive_id_fkey FOREIGN KEY (drive_id) REFERENCES drives (id) ON DELETE SET NULL;

ALTER TABLE states
    DROP CONSTRAINT states_car_id_fkey,
    ADD CONSTRAINT states_car_id_fkey FOREIGN KEY (car_id) REFERENCES cars (id) ON DELETE CASCADE;

ALTER TABLE updates
    DROP CONSTRAINT updates_car_id_fkey,
    ADD CONSTRAINT updates_car_id_fkey FOREIGN KEY (car_id) REFERENCES cars (id) ON DELETE CASCADE;

-- migrate:down
-- TeslaMate leaves the new rules in place; here the plain foreign keys return, so that the schema is what it was before.
ALTER TABLE updates
    DROP CONSTRAINT updates_car_id_fkey,
    ADD CONSTRAINT updates_car_id_fkey FOREIGN KEY (car_id) REFERENCES cars (id);

ALTER TABLE states
    DROP CONSTRAINT states_car_id_fkey,
    ADD CONSTRAINT states_car_id_fkey FOREIGN KEY (car_id) REFERENCES cars (id);

ALTER TABLE positions
    DROP CONSTRAINT positions_car_id_fkey,
    DROP CONSTRAINT positions_drive_id_fkey,
    ADD CONSTRAINT positions_car_id_fkey FOREIGN KEY (car_id) REFERENCES cars (id),
    ADD CONSTRAINT positions_drive_id_fkey FOREIGN KEY (drive_id) REFERENCES drives (id);

-- Under the names they had.
ALTER TABLE drives
    DROP CONSTRAINT drives_car_id_fkey,
    DROP CONSTRAINT drives_start_position_id_fkey,
    DROP CONSTRAINT drives_end_position_id_fkey,
    DROP CONSTRAINT drives_start_address_id_fkey,
    DROP CONSTRAINT drives_end_address_id_fkey,
    DROP CONSTRAINT drives_start_geofence_id_fkey,
    DROP CONSTRAINT drives_end_geofence_id_fkey,
    ADD CONSTRAINT trips_car_id_fkey FOREIGN KEY (car_id) REFERENCES cars (id),
    ADD CONSTRAINT drives_start_position_id_fkey FOREIGN KEY (start_position_id) REFERENCES positions (id),
    ADD CONSTRAINT drives_end_position_id_fkey FOREIGN KEY (end_position_id) REFERENCES positions (id),
    ADD CONSTRAINT trips_start_address_id_fkey FOREIGN KEY (start_address_id) REFERENCES addresses (id),
    ADD CONSTRAINT trips_end_address_id_fkey FOREIGN KEY (end_address_id) REFERENCES addresses (id),
    ADD CONSTRAINT drives_start_geofence_id_fkey FOREIGN KEY (start_geofence_id) REFERENCES geofences (id),
    ADD CONSTRAINT drives_end_geofence_id_fkey FOREIGN KEY (end_geofence_id) REFERENCES geofences (id);

ALTER TABLE charging_processes
    DROP CONSTRAINT charging_processes_car_id_fkey,
    DROP CONSTRAINT charging_processes_address_id_fkey,
    DROP CONSTRAINT charging_processes_geofence_id_fkey,
    ADD CONSTRAINT charging_processes_car_id_fkey FOREIGN KEY (car_id) REFERENCES cars (id),
    ADD CONSTRAINT charging_processes_address_id_fkey FOREIGN KEY (address_id) REFERENCES addresses (id),
    ADD CONSTRAINT charging_processes_geofence_id_fkey FOREIGN KEY (geofence_id) REFERENCES geofences (id);

ALTER TABLE charges
    DROP CONSTRAINT charges_charging_process_id_fkey,
    ADD CONSTRAINT charges_charging_process_id_fkey FOREIGN KEY (charging_process_id) REFERENCES charging_processes (id);

ALTER TABLE cars
    DROP CONSTRAINT cars_settings_id_fkey,
    ADD CONSTRAINT cars_settings_id_fkey FOREIGN KEY (settings_id) REFERENCES car_settings (id);
