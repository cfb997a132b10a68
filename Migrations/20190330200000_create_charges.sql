-- migrate:up
CREATE TABLE charges (
    id bigserial PRIMARY KEY,
    date timestamp(0) NOT NULL,
    battery_heater_on boolean,
    battery_level integer,
    charge_energy_added double precision NOT NULL,
    charger_actual_current integer,
    charger_phases integer,
    charger_pilot_current integer,
    charger_power double precision NOT NULL,
    charger_voltage integer,
    fast_charger_present boolean,
    conn_charge_cable varchar(255),
    fast_charger_brand varchar(255),
    fast_charger_type varchar(255),
    ideal_battery_range_km double precision NOT NULL,
    not_enough_power_to_heat boolean,
    outside_temp double precision,
    charging_process_id bigint NOT NULL CONSTRAINT charges_charging_process_id_fkey REFERENCES charging_processes (id)
);

-- migrate:down
DROP TABLE charges;
