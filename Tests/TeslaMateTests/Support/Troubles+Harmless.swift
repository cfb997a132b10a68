extension Troubles {
    /// Rows that come near, or that an earlier migration puts right.
    static let harmless: [Trouble] = [
        .passes(
            20190729181314,
            at: 20190729142656,
            """
            \(threeCars);
            INSERT INTO trips (id, car_id, start_date, efficiency) VALUES
                (1, 1, now(), 'NaN'), (2, 1, now(), NULL), (3, 1, now(), '-Infinity'), (4, 1, now(), 6e-309);
            """
        ),
        .passes(
            20190903151524,
            at: 20190828150058,
            """
            INSERT INTO cars (id, eid, vid, model, vin, inserted_at, updated_at) VALUES
                (1, 1, 1, 'S', '5YJ', now(), now()), (2, 2, 2, '3', NULL, now(), now()), (3, 3, 3, 'X', NULL, now(), now());
            """
        ),
        .passes(
            20190925161034,
            at: 20190925152807,
            """
            INSERT INTO addresses (id, latitude, longitude, inserted_at, updated_at) VALUES (2, 'Infinity', NULL, now(), now());
            """
        ),
        .passes(
            20191020130234,
            at: 20191017003836,
            """
            CREATE VIEW my_drives AS SELECT id, distance FROM drives;
            """
        ),
        .passes(
            20191117171307,
            at: 20190810131321,
            """
            \(threeCars);
            UPDATE settings SET suspend_min = 0, suspend_after_idle_min = 60;
            """
        ),
        .passes(
            20191117171307,
            at: 20191117143038,
            """
            \(threeCars);
            UPDATE settings SET suspend_min = 90, suspend_after_idle_min = 1;
            """
        ),
        .passes(
            20191117171307,
            at: 20191117143038,
            """
            UPDATE settings SET suspend_min = 91, suspend_after_idle_min = 0;
            """
        ),
        .passes(
            20200212001245,
            at: 20200203180529,
            """
            INSERT INTO geofences (id, name, latitude, longitude, radius, inserted_at, updated_at) VALUES
                (2, 'home', 1, 1, 25, now(), now());
            UPDATE geofences SET cost_per_kwh = -99.99;
            """
        ),
        .passes(
            20200306130218,
            at: 20200302100654,
            """
            INSERT INTO addresses (id, raw, inserted_at, updated_at) VALUES
                (3, '{"address": {"city": "x"}}', now(), now()),
                (4, jsonb_build_object('address', jsonb_build_object('village', repeat('é', 255) || '  ')), now(), now());
            """
        ),
        .passes(
            20200306130218,
            at: 20200116190926,
            """
            INSERT INTO addresses (id, raw, inserted_at, updated_at) VALUES
                (3, '{"address": {"city": "x"}}', now(), now()),
                (4, jsonb_build_object('address', jsonb_build_object('village', repeat('é', 256))), now(), now());
            """
        ),
        .passes(
            20200410112005,
            at: 20191119162847,
            """
            \(threeCarsWithSettings);
            \(aPosition);
            INSERT INTO charging_processes (id, car_id, position_id, start_date, duration_min) VALUES (1, 1, 17, now(), 40000);
            INSERT INTO charges (id, charging_process_id, date, charge_energy_added, charger_power, ideal_battery_range_km) VALUES
                (5, 1, '2019-01-01', 1, 11, 200), (6, 1, timestamp '2019-01-01' + interval '32767 min', 2, 11, 200);
            """
        ),
        .passes(
            20200410112005,
            at: 20200116190926,
            """
            INSERT INTO addresses (id, latitude, longitude, inserted_at, updated_at) VALUES (2, 100, 1, now(), now());
            """
        ),
        .passes(
            20200410112005,
            at: 20200401171923,
            """
            \(threeCarsWithSettings);
            INSERT INTO positions (id, date, car_id, latitude, longitude, speed, power, elevation, outside_temp, inside_temp,
                rated_battery_range_km) VALUES
                (2147483647, now(), 1, 99.9999994, -999.9999994, -32768, 32767.49, -32768.5, 'NaN', -999.94, 9999.994);
            INSERT INTO geofences (id, name, latitude, longitude, radius, inserted_at, updated_at) VALUES
                (2, 'home', -99.9999994, 1, 32767.4, now(), now());
            CREATE VIEW my_cars AS SELECT name, vin FROM cars;
            """
        ),
        .passes(
            20200528175158,
            at: 20200502140646,
            """
            CREATE VIEW my_feet AS SELECT convert_m(1, 'ft');
            """
        ),
        .passes(
            20250613133700,
            at: 20250407155134,
            """
            \(threeCarsWithSettings);
            INSERT INTO drives (id, car_id, start_date) VALUES (4, 1, now()), (5, 1, now());
            INSERT INTO positions (id, date, car_id, latitude, longitude, drive_id, elevation) VALUES
                (1, '2020-01-01', 1, 1, 1, 4, 16384), (2, '2020-01-02', 1, 1, 1, 4, NULL),
                (3, '2020-01-03', 1, 1, 1, 4, -16384), (4, '2020-01-04', 1, 1, 1, 4, 0);
            """
        ),
        .passes(
            20250613133700,
            at: 20250407155134,
            """
            \(threeCarsWithSettings);
            INSERT INTO drives (id, car_id, start_date) VALUES (4, 1, now()), (5, 1, now());
            INSERT INTO positions (id, date, car_id, latitude, longitude, drive_id, elevation) VALUES
                (1, '2020-01-01', 1, 1, 1, NULL, -32768), (2, '2020-01-02', 1, 1, 1, 4, 32767),
                (3, '2020-01-03', 1, 1, 1, 5, -32768), (4, '2020-01-04', 1, 1, 1, NULL, 32767),
                (5, '2020-01-04', 1, 1, 1, 4, 0), (6, '2020-01-05', 1, 1, 1, 4, 32767);
            """
        ),
        .passes(
            20250924215353,
            at: 20250613133700,
            """
            CREATE SCHEMA private;
            CREATE TABLE private.notes (id bigint);
            """
        ),
        .passes(
            20260715081000,
            at: 20200401171923,
            """
            \(threeCarsWithSettings);
            UPDATE cars SET vin = '__legacy_null_vin__:' || id WHERE id < 3;
            """
        ),
    ]
}
