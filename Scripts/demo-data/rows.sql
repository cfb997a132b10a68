-- Two cars with a month of drives, positions and charges, as TeslaMate of any age since August 2019 would have them. Only columns that all
-- these ages share are named; the rows follow from their numbers, so that each run makes the same ones.
\set ON_ERROR_STOP on
\set QUIET on
BEGIN;

SELECT count(*) > 0 AS has_car_settings FROM information_schema.columns
WHERE table_schema = 'public' AND table_name = 'cars' AND column_name = 'settings_id' \gset
\if :has_car_settings
INSERT INTO car_settings (id) SELECT nextval('car_settings_id_seq') FROM generate_series(1, 2);
INSERT INTO cars (id, eid, vid, model, name, vin, efficiency, settings_id, inserted_at, updated_at)
SELECT n, 1000 + n, 2000 + n, (ARRAY['3', 'Y'])[n], (ARRAY['Blitz', 'Donner'])[n], '5YJ3E7EB' || (900000000 + n), 0.153, s.id, :'start', :'start'
FROM generate_series(1, 2) AS n JOIN (SELECT id, row_number() OVER (ORDER BY id) AS n FROM car_settings) AS s USING (n);
\else
INSERT INTO cars (id, eid, vid, model, name, vin, efficiency, inserted_at, updated_at)
SELECT n, 1000 + n, 2000 + n, (ARRAY['3', 'Y'])[n], (ARRAY['Blitz', 'Donner'])[n], '5YJ3E7EB' || (900000000 + n), 0.153, :'start', :'start'
FROM generate_series(1, 2) AS n;
\endif

-- Thirty drives of each car, one a day, half an hour each.
INSERT INTO drives (id, car_id, start_date, end_date, start_km, end_km, distance, duration_min, speed_max, outside_temp_avg, inside_temp_avg)
SELECT (car - 1) * 30 + day, car, departure, departure + interval '30 minutes', day * 25, day * 25 + 24.5, 24.5, 30, 95 + day % 30, 5.5 + day % 9, 20.5
FROM generate_series(1, 2) AS car, generate_series(1, 30) AS day,
    LATERAL (SELECT timestamp :'start' + day * interval '1 day' + car * interval '2 hours') AS t (departure);

-- A position a minute, on winding roads: the index over the points takes minutes where they lie on a straight line.
INSERT INTO positions (car_id, drive_id, date, latitude, longitude, speed, power, odometer, battery_level, outside_temp, elevation, ideal_battery_range_km)
SELECT d.car_id, d.id, d.start_date + minute * interval '1 minute', 52.5 + 0.03 * sin(minute / 7.0 + d.id), 13.4 + 0.05 * cos(minute / 5.0 + d.id * 1.3), 40 + minute * 2, 12 + minute % 40,
    d.start_km + minute * 0.8, 80 - minute / 4, 7.5, 35 + minute % 12, 390 - minute
FROM drives AS d, generate_series(0, 30) AS minute;

-- A charge in the evening of every third day, at home: three phases, 16 A, twenty readings of six minutes each.
INSERT INTO charging_processes (id, car_id, position_id, start_date, end_date, charge_energy_added, start_battery_level, end_battery_level, duration_min)
SELECT d.id, d.car_id, p.id, d.end_date + interval '8 hours', d.end_date + interval '10 hours', 20.9, 45, 72, 120
FROM drives AS d JOIN LATERAL (SELECT id FROM positions WHERE drive_id = d.id ORDER BY date DESC LIMIT 1) AS p ON true
WHERE d.id % 3 = 0;
INSERT INTO charges (charging_process_id, date, battery_level, charge_energy_added, charger_actual_current, charger_phases, charger_power, charger_voltage,
    ideal_battery_range_km, outside_temp)
SELECT c.id, c.start_date + reading * interval '6 minutes', 45 + reading * 27 / 20, reading * 1.1, 16, 3, 11, 230, 200 + reading * 6, 6.0
FROM charging_processes AS c, generate_series(0, 20) AS reading;

-- The rows above chose their own numbers.
SELECT setval('cars_id_seq', 2), setval('trips_id_seq', 60), setval('charging_processes_id_seq', 60) \g /dev/null
COMMIT;
