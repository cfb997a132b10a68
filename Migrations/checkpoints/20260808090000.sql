-- convoy checkpoint 1
-- version: 20260808090000
-- migrations: 105 de3f91a03a4256aae057fcb57e519c3328c62f564059fc59cafb961fbdd7bf20
-- catalogue: 077b85bf8ec5f9f2a155a53b2c2da3c6
-- content: 13840d68b7ed3642a541182a2313172badf61657980a221da7c5d52f81d97a9f

CREATE EXTENSION IF NOT EXISTS cube WITH SCHEMA public;
CREATE EXTENSION IF NOT EXISTS earthdistance WITH SCHEMA public;
CREATE SCHEMA private;
CREATE TYPE public.billing_type AS ENUM ('per_kwh', 'per_minute');
CREATE TYPE public.range AS ENUM ('ideal', 'rated');
CREATE TYPE public.states_status AS ENUM ('online', 'offline', 'asleep');
CREATE TYPE public.unit_of_length AS ENUM ('km', 'mi');
CREATE TYPE public.unit_of_pressure AS ENUM ('bar', 'psi');
CREATE TYPE public.unit_of_temperature AS ENUM ('C', 'F');
CREATE FUNCTION public.convert_celsius(n numeric, unit text)
RETURNS numeric LANGUAGE sql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS $$
    SELECT CASE unit
        WHEN 'C' THEN n
        WHEN 'F' THEN n * 9 / 5 + 32
    END
$$;
CREATE FUNCTION public.convert_km(n numeric, unit text)
RETURNS numeric LANGUAGE sql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS $$
    SELECT CASE unit
        WHEN 'km' THEN n
        WHEN 'mi' THEN n / 1.60934
    END
$$;
CREATE FUNCTION public.convert_m(n double precision, unit text)
RETURNS double precision LANGUAGE sql IMMUTABLE STRICT PARALLEL UNSAFE
AS $$
        SELECT CASE unit
            WHEN 'm' THEN n
            WHEN 'ft' THEN n * 3.28084
        END
    $$;
CREATE FUNCTION public.convert_tire_pressure(n numeric, character varying)
RETURNS numeric LANGUAGE sql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS $$
    SELECT CASE $2
        WHEN 'bar' THEN n
        WHEN 'psi' THEN n * 14.503773773
    END
$$;
CREATE SEQUENCE private.tokens_id_seq AS bigint;
CREATE SEQUENCE public.addresses_id_seq AS bigint;
CREATE SEQUENCE public.car_settings_id_seq AS bigint;
CREATE SEQUENCE public.cars_id_seq AS bigint;
CREATE SEQUENCE public.charges_id_seq AS bigint;
CREATE SEQUENCE public.charging_processes_id_seq AS bigint;
CREATE SEQUENCE public.geofences_id_seq AS bigint;
CREATE SEQUENCE public.import_file_checkpoints_id_seq AS bigint;
CREATE SEQUENCE public.import_rejections_id_seq AS bigint;
CREATE SEQUENCE public.import_runs_id_seq AS bigint;
CREATE SEQUENCE public.positions_id_seq AS bigint;
CREATE SEQUENCE public.settings_id_seq AS bigint;
CREATE SEQUENCE public.states_id_seq AS bigint;
CREATE SEQUENCE public.trips_id_seq AS bigint;
CREATE SEQUENCE public.updates_id_seq AS bigint;
CREATE TABLE private.tokens (
    id integer DEFAULT nextval('private.tokens_id_seq'::regclass) NOT NULL,
    inserted_at timestamp(0) without time zone NOT NULL,
    updated_at timestamp(0) without time zone NOT NULL,
    refresh bytea,
    access bytea
);
CREATE TABLE public.addresses (
    id integer DEFAULT nextval('public.addresses_id_seq'::regclass) NOT NULL,
    display_name character varying(512),
    latitude numeric(8,6),
    longitude numeric(9,6),
    name character varying(255),
    house_number character varying(255),
    road character varying(255),
    neighbourhood character varying(255),
    city character varying(255),
    county character varying(255),
    postcode character varying(255),
    state character varying(255),
    state_district character varying(255),
    country character varying(255),
    raw jsonb,
    inserted_at timestamp(0) without time zone NOT NULL,
    updated_at timestamp(0) without time zone NOT NULL,
    osm_id bigint,
    osm_type text
);
CREATE TABLE public.car_settings (
    id bigint DEFAULT nextval('public.car_settings_id_seq'::regclass) NOT NULL,
    suspend_min integer DEFAULT 21 NOT NULL,
    suspend_after_idle_min integer DEFAULT 15 NOT NULL,
    req_not_unlocked boolean DEFAULT false NOT NULL,
    free_supercharging boolean DEFAULT false NOT NULL,
    use_streaming_api boolean DEFAULT true NOT NULL,
    enabled boolean DEFAULT true NOT NULL,
    lfp_battery boolean DEFAULT false NOT NULL
);
CREATE TABLE public.cars (
    id smallint DEFAULT nextval('public.cars_id_seq'::regclass) NOT NULL,
    eid bigint NOT NULL,
    vid bigint NOT NULL,
    model character varying(255),
    efficiency double precision,
    inserted_at timestamp(0) without time zone NOT NULL,
    updated_at timestamp(0) without time zone NOT NULL,
    vin text NOT NULL,
    name text,
    trim_badging text,
    settings_id bigint NOT NULL,
    exterior_color text,
    spoiler_type text,
    wheel_type text,
    display_priority smallint DEFAULT 1 NOT NULL,
    marketing_name character varying(255)
);
CREATE TABLE public.charges (
    id integer DEFAULT nextval('public.charges_id_seq'::regclass) NOT NULL,
    date timestamp without time zone NOT NULL,
    battery_heater_on boolean,
    battery_level smallint,
    charge_energy_added numeric(8,2) NOT NULL,
    charger_actual_current smallint,
    charger_phases smallint,
    charger_pilot_current smallint,
    charger_power smallint NOT NULL,
    charger_voltage smallint,
    fast_charger_present boolean,
    conn_charge_cable character varying(255),
    fast_charger_brand character varying(255),
    fast_charger_type character varying(255),
    ideal_battery_range_km numeric(6,2) NOT NULL,
    not_enough_power_to_heat boolean,
    outside_temp numeric(4,1),
    charging_process_id integer NOT NULL,
    battery_heater boolean,
    battery_heater_no_power boolean,
    rated_battery_range_km numeric(6,2),
    usable_battery_level smallint
);
CREATE TABLE public.charging_processes (
    id integer DEFAULT nextval('public.charging_processes_id_seq'::regclass) NOT NULL,
    start_date timestamp without time zone NOT NULL,
    end_date timestamp without time zone,
    charge_energy_added numeric(8,2),
    start_ideal_range_km numeric(6,2),
    end_ideal_range_km numeric(6,2),
    start_battery_level smallint,
    end_battery_level smallint,
    duration_min smallint,
    outside_temp_avg numeric(4,1),
    car_id smallint NOT NULL,
    position_id integer NOT NULL,
    address_id integer,
    start_rated_range_km numeric(6,2),
    end_rated_range_km numeric(6,2),
    geofence_id integer,
    charge_energy_used numeric(8,2),
    cost numeric(14,2)
);
CREATE TABLE public.drives (
    id integer DEFAULT nextval('public.trips_id_seq'::regclass) NOT NULL,
    start_date timestamp without time zone NOT NULL,
    end_date timestamp without time zone,
    outside_temp_avg numeric(4,1),
    speed_max smallint,
    power_max smallint,
    power_min smallint,
    start_ideal_range_km numeric(6,2),
    end_ideal_range_km numeric(6,2),
    start_km double precision,
    end_km double precision,
    distance double precision,
    duration_min smallint,
    car_id smallint NOT NULL,
    inside_temp_avg numeric(4,1),
    start_address_id integer,
    end_address_id integer,
    start_rated_range_km numeric(6,2),
    end_rated_range_km numeric(6,2),
    start_position_id integer,
    end_position_id integer,
    start_geofence_id integer,
    end_geofence_id integer,
    ascent smallint,
    descent smallint
);
CREATE TABLE public.geofences (
    id integer DEFAULT nextval('public.geofences_id_seq'::regclass) NOT NULL,
    name character varying(255) NOT NULL,
    latitude numeric(8,6) NOT NULL,
    longitude numeric(9,6) NOT NULL,
    radius smallint DEFAULT 25 NOT NULL,
    inserted_at timestamp(0) without time zone NOT NULL,
    updated_at timestamp(0) without time zone NOT NULL,
    cost_per_unit numeric(9,4),
    session_fee numeric(14,2),
    billing_type public.billing_type DEFAULT 'per_kwh'::public.billing_type NOT NULL
);
CREATE TABLE public.import_file_checkpoints (
    id bigint DEFAULT nextval('public.import_file_checkpoints_id_seq'::regclass) NOT NULL,
    run_id bigint NOT NULL,
    file_name character varying(255) NOT NULL,
    file_fingerprint character varying(255) NOT NULL,
    completed_at timestamp without time zone NOT NULL,
    inserted_at timestamp without time zone NOT NULL,
    updated_at timestamp without time zone NOT NULL
);
CREATE TABLE public.import_rejections (
    id bigint DEFAULT nextval('public.import_rejections_id_seq'::regclass) NOT NULL,
    run_id bigint NOT NULL,
    file_name character varying(255) NOT NULL,
    file_fingerprint character varying(255) NOT NULL,
    "row" integer NOT NULL,
    reason character varying(255) NOT NULL,
    fields character varying(255)[] DEFAULT ARRAY[]::character varying[] NOT NULL,
    inserted_at timestamp without time zone NOT NULL,
    updated_at timestamp without time zone NOT NULL
);
CREATE TABLE public.import_runs (
    id bigint DEFAULT nextval('public.import_runs_id_seq'::regclass) NOT NULL,
    source_key character varying(255) NOT NULL,
    status character varying(255) NOT NULL,
    timezone character varying(255) NOT NULL,
    date_limit timestamp without time zone,
    date_limit_captured boolean DEFAULT false NOT NULL,
    car_id bigint,
    inserted_at timestamp without time zone NOT NULL,
    updated_at timestamp without time zone NOT NULL
);
CREATE TABLE public.positions (
    id integer DEFAULT nextval('public.positions_id_seq'::regclass) NOT NULL,
    date timestamp without time zone NOT NULL,
    latitude numeric(8,6) NOT NULL,
    longitude numeric(9,6) NOT NULL,
    speed smallint,
    power smallint,
    odometer double precision,
    ideal_battery_range_km numeric(6,2),
    battery_level smallint,
    outside_temp numeric(4,1),
    elevation smallint,
    fan_status integer,
    driver_temp_setting numeric(4,1),
    passenger_temp_setting numeric(4,1),
    is_climate_on boolean,
    is_rear_defroster_on boolean,
    is_front_defroster_on boolean,
    car_id smallint NOT NULL,
    drive_id integer,
    inside_temp numeric(4,1),
    battery_heater boolean,
    battery_heater_on boolean,
    battery_heater_no_power boolean,
    est_battery_range_km numeric(6,2),
    rated_battery_range_km numeric(6,2),
    usable_battery_level smallint,
    tpms_pressure_fl numeric(4,1),
    tpms_pressure_fr numeric(4,1),
    tpms_pressure_rl numeric(4,1),
    tpms_pressure_rr numeric(4,1)
);
CREATE TABLE public.settings (
    id bigint DEFAULT nextval('public.settings_id_seq'::regclass) NOT NULL,
    inserted_at timestamp(0) without time zone NOT NULL,
    updated_at timestamp(0) without time zone NOT NULL,
    unit_of_length public.unit_of_length DEFAULT 'km'::public.unit_of_length NOT NULL,
    unit_of_temperature public.unit_of_temperature DEFAULT 'C'::public.unit_of_temperature NOT NULL,
    preferred_range public.range DEFAULT 'rated'::public.range NOT NULL,
    base_url character varying(255),
    grafana_url character varying(255),
    language text DEFAULT 'en'::text NOT NULL,
    unit_of_pressure public.unit_of_pressure DEFAULT 'bar'::public.unit_of_pressure NOT NULL,
    theme_mode text DEFAULT 'system'::text NOT NULL
);
CREATE TABLE public.states (
    id integer DEFAULT nextval('public.states_id_seq'::regclass) NOT NULL,
    state public.states_status NOT NULL,
    start_date timestamp without time zone NOT NULL,
    end_date timestamp without time zone,
    car_id smallint NOT NULL
);
CREATE TABLE public.updates (
    id integer DEFAULT nextval('public.updates_id_seq'::regclass) NOT NULL,
    start_date timestamp without time zone NOT NULL,
    end_date timestamp without time zone,
    version character varying(255),
    car_id smallint NOT NULL
);
ALTER SEQUENCE private.tokens_id_seq OWNED BY private.tokens.id;
ALTER SEQUENCE public.addresses_id_seq OWNED BY public.addresses.id;
ALTER SEQUENCE public.car_settings_id_seq OWNED BY public.car_settings.id;
ALTER SEQUENCE public.cars_id_seq OWNED BY public.cars.id;
ALTER SEQUENCE public.charges_id_seq OWNED BY public.charges.id;
ALTER SEQUENCE public.charging_processes_id_seq OWNED BY public.charging_processes.id;
ALTER SEQUENCE public.geofences_id_seq OWNED BY public.geofences.id;
ALTER SEQUENCE public.import_file_checkpoints_id_seq OWNED BY public.import_file_checkpoints.id;
ALTER SEQUENCE public.import_rejections_id_seq OWNED BY public.import_rejections.id;
ALTER SEQUENCE public.import_runs_id_seq OWNED BY public.import_runs.id;
ALTER SEQUENCE public.positions_id_seq OWNED BY public.positions.id;
ALTER SEQUENCE public.settings_id_seq OWNED BY public.settings.id;
ALTER SEQUENCE public.states_id_seq OWNED BY public.states.id;
ALTER SEQUENCE public.trips_id_seq OWNED BY public.drives.id;
ALTER SEQUENCE public.updates_id_seq OWNED BY public.updates.id;
ALTER TABLE private.tokens ADD CONSTRAINT tokens_pkey PRIMARY KEY (id);
ALTER TABLE public.addresses ADD CONSTRAINT addresses_pkey PRIMARY KEY (id);
ALTER TABLE public.car_settings ADD CONSTRAINT car_settings_pkey PRIMARY KEY (id);
ALTER TABLE public.cars ADD CONSTRAINT cars_pkey PRIMARY KEY (id);
ALTER TABLE public.charges ADD CONSTRAINT charges_pkey PRIMARY KEY (id);
ALTER TABLE public.charges ADD CONSTRAINT positive_charger_phases CHECK ((charger_phases > 0));
ALTER TABLE public.charging_processes ADD CONSTRAINT charging_processes_pkey PRIMARY KEY (id);
ALTER TABLE public.drives ADD CONSTRAINT trips_pkey PRIMARY KEY (id);
ALTER TABLE public.geofences ADD CONSTRAINT geofences_pkey PRIMARY KEY (id);
ALTER TABLE public.import_file_checkpoints ADD CONSTRAINT import_file_checkpoints_pkey PRIMARY KEY (id);
ALTER TABLE public.import_rejections ADD CONSTRAINT import_rejections_pkey PRIMARY KEY (id);
ALTER TABLE public.import_runs ADD CONSTRAINT import_runs_pkey PRIMARY KEY (id);
ALTER TABLE public.positions ADD CONSTRAINT positions_pkey PRIMARY KEY (id);
ALTER TABLE public.settings ADD CONSTRAINT settings_pkey PRIMARY KEY (id);
ALTER TABLE public.states ADD CONSTRAINT positive_duration CHECK ((end_date >= start_date));
ALTER TABLE public.states ADD CONSTRAINT states_pkey PRIMARY KEY (id);
ALTER TABLE public.updates ADD CONSTRAINT positive_duration CHECK ((end_date >= start_date));
ALTER TABLE public.updates ADD CONSTRAINT updates_pkey PRIMARY KEY (id);
ALTER TABLE public.cars ADD CONSTRAINT cars_settings_id_fkey FOREIGN KEY (settings_id) REFERENCES public.car_settings(id) ON DELETE CASCADE;
ALTER TABLE public.charges ADD CONSTRAINT charges_charging_process_id_fkey FOREIGN KEY (charging_process_id) REFERENCES public.charging_processes(id) ON DELETE CASCADE;
ALTER TABLE public.charging_processes ADD CONSTRAINT charging_processes_address_id_fkey FOREIGN KEY (address_id) REFERENCES public.addresses(id) ON DELETE SET NULL;
ALTER TABLE public.charging_processes ADD CONSTRAINT charging_processes_car_id_fkey FOREIGN KEY (car_id) REFERENCES public.cars(id) ON DELETE CASCADE;
ALTER TABLE public.charging_processes ADD CONSTRAINT charging_processes_geofence_id_fkey FOREIGN KEY (geofence_id) REFERENCES public.geofences(id) ON DELETE SET NULL;
ALTER TABLE public.charging_processes ADD CONSTRAINT charging_processes_position_id_fkey FOREIGN KEY (position_id) REFERENCES public.positions(id);
ALTER TABLE public.drives ADD CONSTRAINT drives_car_id_fkey FOREIGN KEY (car_id) REFERENCES public.cars(id) ON DELETE CASCADE;
ALTER TABLE public.drives ADD CONSTRAINT drives_end_address_id_fkey FOREIGN KEY (end_address_id) REFERENCES public.addresses(id) ON DELETE SET NULL;
ALTER TABLE public.drives ADD CONSTRAINT drives_end_geofence_id_fkey FOREIGN KEY (end_geofence_id) REFERENCES public.geofences(id) ON DELETE SET NULL;
ALTER TABLE public.drives ADD CONSTRAINT drives_end_position_id_fkey FOREIGN KEY (end_position_id) REFERENCES public.positions(id) ON DELETE SET NULL;
ALTER TABLE public.drives ADD CONSTRAINT drives_start_address_id_fkey FOREIGN KEY (start_address_id) REFERENCES public.addresses(id) ON DELETE SET NULL;
ALTER TABLE public.drives ADD CONSTRAINT drives_start_geofence_id_fkey FOREIGN KEY (start_geofence_id) REFERENCES public.geofences(id) ON DELETE SET NULL;
ALTER TABLE public.drives ADD CONSTRAINT drives_start_position_id_fkey FOREIGN KEY (start_position_id) REFERENCES public.positions(id) ON DELETE SET NULL;
ALTER TABLE public.import_file_checkpoints ADD CONSTRAINT import_file_checkpoints_run_id_fkey FOREIGN KEY (run_id) REFERENCES public.import_runs(id) ON DELETE CASCADE;
ALTER TABLE public.import_rejections ADD CONSTRAINT import_rejections_run_id_fkey FOREIGN KEY (run_id) REFERENCES public.import_runs(id) ON DELETE CASCADE;
ALTER TABLE public.import_runs ADD CONSTRAINT import_runs_car_id_fkey FOREIGN KEY (car_id) REFERENCES public.cars(id) ON DELETE SET NULL;
ALTER TABLE public.positions ADD CONSTRAINT positions_car_id_fkey FOREIGN KEY (car_id) REFERENCES public.cars(id) ON DELETE CASCADE;
ALTER TABLE public.positions ADD CONSTRAINT positions_drive_id_fkey FOREIGN KEY (drive_id) REFERENCES public.drives(id) ON DELETE SET NULL;
ALTER TABLE public.states ADD CONSTRAINT states_car_id_fkey FOREIGN KEY (car_id) REFERENCES public.cars(id) ON DELETE CASCADE;
ALTER TABLE public.updates ADD CONSTRAINT updates_car_id_fkey FOREIGN KEY (car_id) REFERENCES public.cars(id) ON DELETE CASCADE;
CREATE INDEX "positions_car_id_date__ideal_battery_range_km_IS_NOT_NULL_index" ON public.positions USING btree (car_id, date, ((ideal_battery_range_km IS NOT NULL))) WHERE (ideal_battery_range_km IS NOT NULL);
CREATE UNIQUE INDEX "states_car_id__end_date_IS_NULL_index" ON public.states USING btree (car_id, ((end_date IS NULL))) WHERE (end_date IS NULL);
CREATE UNIQUE INDEX addresses_osm_id_osm_type_index ON public.addresses USING btree (osm_id, osm_type);
CREATE UNIQUE INDEX cars_eid_index ON public.cars USING btree (eid);
CREATE UNIQUE INDEX cars_settings_id_index ON public.cars USING btree (settings_id);
CREATE UNIQUE INDEX cars_vid_index ON public.cars USING btree (vid);
CREATE UNIQUE INDEX cars_vin_index ON public.cars USING btree (vin);
CREATE INDEX charges_charging_process_id_index ON public.charges USING btree (charging_process_id);
CREATE INDEX charges_date_index ON public.charges USING btree (date);
CREATE INDEX charging_processes_address_id_index ON public.charging_processes USING btree (address_id);
CREATE INDEX charging_processes_car_id_index ON public.charging_processes USING btree (car_id);
CREATE INDEX charging_processes_position_id_index ON public.charging_processes USING btree (position_id);
CREATE INDEX drives_end_geofence_id_index ON public.drives USING btree (end_geofence_id);
CREATE INDEX drives_end_position_id_index ON public.drives USING btree (end_position_id);
CREATE INDEX drives_start_geofence_id_index ON public.drives USING btree (start_geofence_id);
CREATE INDEX drives_start_position_id_index ON public.drives USING btree (start_position_id);
CREATE UNIQUE INDEX import_file_checkpoints_identity ON public.import_file_checkpoints USING btree (run_id, file_name, file_fingerprint);
CREATE UNIQUE INDEX import_rejections_row_identity ON public.import_rejections USING btree (run_id, file_name, file_fingerprint, "row");
CREATE UNIQUE INDEX import_runs_one_running_per_source ON public.import_runs USING btree (source_key) WHERE ((status)::text = 'running'::text);
CREATE INDEX positions_car_id_index ON public.positions USING btree (car_id);
CREATE INDEX positions_date_timestamp_minmax_multi_ops_index ON public.positions USING brin (date timestamp_minmax_multi_ops) WITH (autosummarize='true', pages_per_range='64');
CREATE INDEX positions_drive_id_date_timestamp_minmax_multi_ops_index ON public.positions USING brin (drive_id, date timestamp_minmax_multi_ops) WITH (autosummarize='true', pages_per_range='64');
CREATE INDEX states_car_id_index ON public.states USING btree (car_id);
CREATE INDEX trips_car_id_index ON public.drives USING btree (car_id);
CREATE INDEX trips_end_address_id_index ON public.drives USING btree (end_address_id);
CREATE INDEX trips_start_address_id_index ON public.drives USING btree (start_address_id);
CREATE INDEX updates_car_id_index ON public.updates USING btree (car_id);
INSERT INTO public.settings (id, inserted_at, updated_at, unit_of_length, unit_of_temperature, preferred_range, base_url, grafana_url, language, unit_of_pressure, theme_mode) VALUES
    ('1', pg_catalog.timezone('UTC', pg_catalog.now()), pg_catalog.timezone('UTC', pg_catalog.now()), 'km', 'C', 'rated', NULL, NULL, 'en', 'bar', 'system');
SELECT pg_catalog.setval('public.settings_id_seq', 1, true);
