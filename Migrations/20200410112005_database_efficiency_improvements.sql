-- migrate:up
-- One rewrite a table. Halves become the even neighbour in whole numbers and move away from zero in decimals; a value
-- that its new type cannot hold aborts the migration.
ALTER TABLE addresses
    ALTER COLUMN id TYPE integer,
    ALTER COLUMN latitude TYPE numeric(8, 6),
    ALTER COLUMN longitude TYPE numeric(9, 6);

ALTER TABLE geofences
    ALTER COLUMN id TYPE integer,
    ALTER COLUMN latitude TYPE numeric(8, 6),
    ALTER COLUMN longitude TYPE numeric(9, 6),
    ALTER COLUMN radius TYPE smallint;

ALTER TABLE cars
    ALTER COLUMN id TYPE smallint;

ALTER TABLE positions
    ALTER COLUMN id TYPE integer,
    ALTER COLUMN car_id TYPE smallint,
    ALTER COLUMN drive_id TYPE integer,
    ALTER COLUMN latitude TYPE numeric(8, 6),
    ALTER COLUMN longitude TYPE numeric(9, 6),
    ALTER COLUMN elevation TYPE smallint,
    ALTER COLUMN speed TYPE smallint,
    ALTER COLUMN power TYPE smallint,
    ALTER COLUMN battery_level TYPE smallint,
    ALTER COLUMN usable_battery_level TYPE smallint,
    ALTER COLUMN ideal_battery_range_km TYPE numeric(6, 2),
    ALTER COLUMN est_battery_range_km TYPE numeric(6, 2),
    ALTER COLUMN rated_battery_range_km TYPE numeric(6, 2),
    ALTER COLUMN outside_temp TYPE numeric(4, 1),
    ALTER COLUMN inside_temp TYPE numeric(4, 1),
    ALTER COLUMN driver_temp_setting TYPE numeric(4, 1),
    ALTER COLUMN passenger_temp_setting TYPE numeric(4, 1);

ALTER TABLE drives
    ALTER COLUMN id TYPE integer,
    ALTER COLUMN car_id TYPE smallint,
    ALTER COLUMN start_position_id TYPE integer,
    ALTER COLUMN end_position_id TYPE integer,
    ALTER COLUMN start_address_id TYPE integer,
    ALTER COLUMN end_address_id TYPE integer,
    ALTER COLUMN start_geofence_id TYPE integer,
    ALTER COLUMN end_geofence_id TYPE integer,
    ALTER COLUMN duration_min TYPE smallint,
    ALTER COLUMN speed_max TYPE smallint,
    ALTER COLUMN power_max TYPE smallint,
    ALTER COLUMN power_min TYPE smallint,
    ALTER COLUMN start_ideal_range_km TYPE numeric(6, 2),
    ALTER COLUMN end_ideal_range_km TYPE numeric(6, 2),
    ALTER COLUMN start_rated_range_km TYPE numeric(6, 2),
    ALTER COLUMN end_rated_range_km TYPE numeric(6, 2),
    ALTER COLUMN outside_temp_avg TYPE numeric(4, 1),
    ALTER COLUMN inside_temp_avg TYPE numeric(4, 1);

ALTER TABLE charging_processes
    ALTER COLUMN id TYPE integer,
    ALTER COLUMN car_id TYPE smallint,
    ALTER COLUMN position_id TYPE integer,
    ALTER COLUMN address_id TYPE integer,
    ALTER COLUMN geofence_id TYPE integer,
    ALTER COLUMN duration_min TYPE smallint,
    ALTER COLUMN start_battery_level TYPE smallint,
    ALTER COLUMN end_battery_level TYPE smallint,
    ALTER COLUMN charge_energy_added TYPE numeric(8, 2),
    ALTER COLUMN charge_energy_used TYPE numeric(8, 2),
    ALTER COLUMN start_ideal_range_km TYPE numeric(6, 2),
    ALTER COLUMN end_ideal_range_km TYPE numeric(6, 2),
    ALTER COLUMN start_rated_range_km TYPE numeric(6, 2),
    ALTER COLUMN end_rated_range_km TYPE numeric(6, 2),
    ALTER COLUMN outside_temp_avg TYPE numeric(4, 1);

ALTER TABLE charges
    ALTER COLUMN id TYPE integer,
    ALTER COLUMN charging_process_id TYPE integer,
    ALTER COLUMN battery_level TYPE smallint,
    ALTER COLUMN usable_battery_level TYPE smallint,
    ALTER COLUMN charger_actual_current TYPE smallint,
    ALTER COLUMN charger_phases TYPE smallint,
    ALTER COLUMN charger_pilot_current TYPE smallint,
    ALTER COLUMN charger_power TYPE smallint,
    ALTER COLUMN charger_voltage TYPE smallint,
    ALTER COLUMN charge_energy_added TYPE numeric(8, 2),
    ALTER COLUMN ideal_battery_range_km TYPE numeric(6, 2),
    ALTER COLUMN rated_battery_range_km TYPE numeric(6, 2),
    ALTER COLUMN outside_temp TYPE numeric(4, 1);

ALTER TABLE states
    ALTER COLUMN id TYPE integer,
    ALTER COLUMN car_id TYPE smallint;

ALTER TABLE updates
    ALTER COLUMN id TYPE integer,
    ALTER COLUMN car_id TYPE smallint;

ALTER TABLE tokens
    ALTER COLUMN id TYPE integer;

-- migrate:down
-- convoy:irreversible coordinates, ranges, energies and temperatures were rounded to smaller types, and the digits that were cut off are not kept anywhere
