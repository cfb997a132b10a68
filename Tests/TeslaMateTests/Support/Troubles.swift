/// What was seen to break upgrades of real databases, and what comes near to it but does not.
enum Troubles {
    /// Three cars, as long as cars have no settings of their own.
    private static let threeCars = """
        INSERT INTO cars (id, eid, vid, model, efficiency, inserted_at, updated_at)
        SELECT n, n, n, 'S', 0.2, now(), now() FROM generate_series(1, 3) AS n
        """

    /// The same later.
    private static let threeCarsWithSettings = """
        WITH s AS (INSERT INTO car_settings (id) VALUES (1), (2), (3) RETURNING id)
        INSERT INTO cars (id, eid, vid, settings_id, inserted_at, updated_at) SELECT id, id, id, id, now(), now() FROM s
        """

    private static let aPosition = "INSERT INTO positions (id, date, car_id, latitude, longitude) VALUES (17, now(), 1, 52.5, 13.4)"

    /// Rows that break a migration, and other objects in its way.
    static let breaking: [Trouble] = [
        .breaks(
            20190729181314,
            at: 20190729142656,
            "trips has 2 row(s) whose efficiency is 0 (the first has id 3)",
            "22012",
            """
            \(threeCars);
            INSERT INTO trips (id, car_id, start_date, efficiency) VALUES
                (1, 1, now(), 1), (2, 1, now(), NULL), (3, 1, now(), 0), (4, 1, now(), '-0');
            """
        ),
        .breaks(
            20190729181314,
            at: 20190415103933,
            "trips has 1 row(s) whose efficiency is 0",
            "22003",
            """
            \(threeCars);
            INSERT INTO trips (id, car_id, start_date, efficiency) VALUES (1, 1, now(), 1e-310);
            """
        ),
        .breaks(
            20190810105216,
            at: 20190805092941,
            "settings is empty, but must have exactly one row",
            "P0002",
            """
            DELETE FROM settings;
            """
        ),
        .breaks(
            20190810105216,
            at: 20190731154452,
            "settings has 2 rows, but must have exactly one",
            "P0003",
            """
            INSERT INTO settings (inserted_at, updated_at) VALUES (now(), now());
            """
        ),
        .breaks(
            20190821143938,
            at: 20190816200723,
            "car 2 has 2 open states (the first has id 2)",
            "23505",
            """
            \(threeCars);
            INSERT INTO states (id, state, start_date, end_date, car_id) VALUES
                (1, 'online', now(), NULL, 1), (2, 'online', now(), NULL, 2), (3, 'asleep', now(), NULL, 2),
                (4, 'asleep', now(), now(), 1);
            """
        ),
        .breaks(
            20190821143938,
            at: 20190330180000,
            "states has 1 row(s) that end before they start (the first has id 4)",
            "23514",
            """
            \(threeCars);
            INSERT INTO states (id, state, start_date, end_date, car_id) VALUES (4, 'online', now(), now() - interval '1 day', 1);
            """
        ),
        .breaks(
            20190821143938,
            at: 20190408203117,
            "updates has 1 row(s) that end before they start (the first has id 5)",
            "23514",
            """
            \(threeCars);
            INSERT INTO updates (id, start_date, end_date, car_id) VALUES
                (5, now(), now() - interval '1 s', 1), (6, now(), now(), 1), (7, now(), NULL, 1);
            """
        ),
        .breaks(
            20190903151524,
            at: 20190828150058,
            "the cars 1, 2 have the same VIN",
            "23505",
            """
            INSERT INTO cars (id, eid, vid, model, vin, inserted_at, updated_at) VALUES
                (1, 1, 1, 'S', '5YJ', now(), now()), (2, 2, 2, '3', '5YJ', now(), now()), (3, 3, 3, 'X', NULL, now(), now());
            """
        ),
        .breaks(
            20190925152807,
            at: 20190913175543,
            "geofences has 1 row(s) whose latitude or longitude is NaN or infinite (the first has id 2)",
            "23514",
            """
            INSERT INTO addresses (id, latitude, longitude, inserted_at, updated_at) VALUES (2, 1, 1, now(), now());
            INSERT INTO geofences (id, address_id, name, latitude, longitude, inserted_at, updated_at) VALUES
                (2, 2, 'home', 'NaN', 1, now(), now());
            """
        ),
        .breaks(
            20190925152807,
            at: 20190913175543,
            "the extension earthdistance is in schema elsewhere",
            "42883",
            asAdministrator: true,
            """
            CREATE SCHEMA elsewhere;
            CREATE EXTENSION cube;
            CREATE EXTENSION earthdistance SCHEMA elsewhere;
            """
        ),
        .breaks(
            20190925182253,
            at: 20190913175543,
            "the extension cube is in schema elsewhere",
            "42883",
            asAdministrator: true,
            """
            CREATE SCHEMA elsewhere;
            CREATE EXTENSION cube SCHEMA elsewhere;
            """
        ),
        .breaks(
            20190925161034,
            at: 20190415130006,
            "addresses has 1 row(s) whose latitude or longitude is NaN or infinite (the first has id 2)",
            "22003",
            """
            INSERT INTO addresses (id, latitude, longitude, inserted_at, updated_at) VALUES (2, 'Infinity', 1, now(), now());
            """
        ),
        .breaks(
            20191003130650,
            at: 20190330170000,
            "positions has 1 row(s) whose latitude or longitude is NaN or infinite (the first has id 17)",
            nil,
            """
            \(threeCars);
            INSERT INTO positions (id, date, car_id, latitude, longitude) VALUES
                (16, now(), 1, 90, 180), (17, now(), 1, 52.5, 'NaN');
            """
        ),
        .breaks(
            20191020130234,
            at: 20190330160000,
            "my_trips uses 1 column(s) whose type changes, such as trips.start_date",
            "0A000",
            """
            CREATE VIEW my_trips AS SELECT start_date FROM trips;
            """
        ),
        .breaks(
            20191117171307,
            at: 20191117143038,
            "settings is empty",
            "P0002",
            """
            DELETE FROM settings;
            """
        ),
        .breaks(
            20191117171307,
            at: 20190810105216,
            "settings has 2 rows",
            "P0003",
            """
            INSERT INTO settings (inserted_at, updated_at) VALUES (now(), now());
            """
        ),
        .breaks(
            20191117171307,
            at: 20190810131321,
            "settings.suspend_min is 91",
            "23514",
            """
            \(threeCars);
            UPDATE settings SET suspend_min = 91;
            """
        ),
        .breaks(
            20191117171307,
            at: 20190814152810,
            "settings.suspend_min is 0",
            "23514",
            """
            \(threeCars);
            UPDATE settings SET suspend_min = 0;
            """
        ),
        .breaks(
            20191117171307,
            at: 20190810131321,
            "settings.suspend_after_idle_min is 61",
            "23514",
            """
            \(threeCars);
            UPDATE settings SET suspend_after_idle_min = 61;
            """
        ),
        .breaks(
            20200203120311,
            at: 20191119162847,
            "positions.drive_id refers to drives that does not exist in 1 row(s), the first with id 17",
            "23503",
            asAdministrator: true,
            """
            SET session_replication_role = replica;
            \(threeCarsWithSettings);
            INSERT INTO positions (id, date, car_id, latitude, longitude, drive_id) VALUES (17, now(), 1, 52.5, 13.4, 9);
            """
        ),
        .breaks(
            20200203120311,
            at: 20190408203117,
            "states.car_id refers to cars that does not exist in 1 row(s), the first with id 1",
            "23503",
            asAdministrator: true,
            """
            SET session_replication_role = replica;
            INSERT INTO states (id, state, start_date, car_id) VALUES (1, 'online', now(), 9);
            """
        ),
        .breaks(
            20200203120311,
            at: 20200120142602,
            "drives.end_address_id refers to addresses that does not exist in 2 row(s), the first with id 1",
            "23503",
            asAdministrator: true,
            """
            SET session_replication_role = replica;
            \(threeCarsWithSettings);
            INSERT INTO drives (id, car_id, start_date, end_address_id) VALUES (1, 1, now(), 9), (2, 1, now(), 8);
            """
        ),
        .breaks(
            20200203120311,
            at: 20200120142602,
            "cars.settings_id refers to car_settings that does not exist in 1 row(s), the first with id 1",
            "23503",
            asAdministrator: true,
            """
            SET session_replication_role = replica;
            INSERT INTO cars (id, eid, vid, settings_id, inserted_at, updated_at) VALUES (1, 1, 1, 9, now(), now());
            """
        ),
        .breaks(
            20200203120311,
            at: 20200120142602,
            "charging_processes.geofence_id refers to geofences that does not exist in 1 row(s), the first with id 1",
            "23503",
            asAdministrator: true,
            """
            SET session_replication_role = replica;
            \(threeCarsWithSettings);
            \(aPosition);
            INSERT INTO charging_processes (id, car_id, position_id, start_date, geofence_id) VALUES (1, 1, 17, now(), 9);
            """
        ),
        .breaks(
            20200212001245,
            at: 20200203180529,
            "geofence 2 has a cost_per_kwh of 100.00",
            "22003",
            """
            INSERT INTO geofences (id, name, latitude, longitude, radius, inserted_at, updated_at) VALUES
                (2, 'home', 1, 1, 25, now(), now());
            UPDATE geofences SET cost_per_kwh = 100;
            """
        ),
        .breaks(
            20200306130218,
            at: 20200120142602,
            "addresses has 1 row(s) whose city in raw is longer than 255 characters (the first has id 4)",
            "22001",
            """
            INSERT INTO addresses (id, raw, inserted_at, updated_at) VALUES
                (3, '{"address": {"city": "x"}}', now(), now()),
                (4, jsonb_build_object('address', jsonb_build_object('village', repeat('é', 256))), now(), now());
            """
        ),
        .breaks(
            20200410112005,
            at: 20190330170000,
            "positions.speed does not fit into smallint in 1 row(s), the first with id 17",
            "22003",
            """
            \(threeCars);
            INSERT INTO positions (id, date, car_id, latitude, longitude, speed) VALUES (17, now(), 1, 52.5, 13.4, 32768);
            """
        ),
        .breaks(
            20200410112005,
            at: 20190408203117,
            "positions.altitude does not fit into smallint in 1 row(s), the first with id 17",
            "22003",
            """
            \(threeCars);
            INSERT INTO positions (id, date, car_id, latitude, longitude, altitude) VALUES (17, now(), 1, 52.5, 13.4, 32767.5);
            """
        ),
        .breaks(
            20200410112005,
            at: 20190828150058,
            "positions.battery_range_km does not fit into numeric(6, 2) in 1 row(s), the first with id 17",
            "22003",
            """
            \(threeCars);
            INSERT INTO positions (id, date, car_id, latitude, longitude, battery_range_km) VALUES
                (17, now(), 1, 52.5, 13.4, 9999.995);
            """
        ),
        .breaks(
            20200410112005,
            at: 20191003132415,
            "positions.latitude does not fit into numeric(8, 6) in 1 row(s), the first with id 17",
            "22003",
            """
            \(threeCars);
            INSERT INTO positions (id, date, car_id, latitude, longitude) VALUES (17, now(), 1, 99.9999995, 1);
            """
        ),
        .breaks(
            20200410112005,
            at: 20200401171923,
            "positions.longitude does not fit into numeric(9, 6) in 1 row(s), the first with id 17",
            "22003",
            """
            \(threeCarsWithSettings);
            INSERT INTO positions (id, date, car_id, latitude, longitude) VALUES (17, now(), 1, 1, -1000);
            """
        ),
        .breaks(
            20200410112005,
            at: 20200401171923,
            "positions.elevation does not fit into smallint in 1 row(s), the first with id 17",
            "22003",
            """
            \(threeCarsWithSettings);
            INSERT INTO positions (id, date, car_id, latitude, longitude, elevation) VALUES (17, now(), 1, 52.5, 13.4, 'NaN');
            """
        ),
        .breaks(
            20200410112005,
            at: 20200401171923,
            "positions.outside_temp does not fit into numeric(4, 1) in 1 row(s), the first with id 17",
            "22003",
            """
            \(threeCarsWithSettings);
            INSERT INTO positions (id, date, car_id, latitude, longitude, outside_temp) VALUES
                (17, now(), 1, 52.5, 13.4, 'Infinity');
            """
        ),
        .breaks(
            20200410112005,
            at: 20190330160000,
            "trips.duration_min does not fit into smallint in 1 row(s), the first with id 1",
            "22003",
            """
            \(threeCars);
            INSERT INTO trips (id, car_id, start_date, duration_min) VALUES (1, 1, now(), 40000);
            """
        ),
        .breaks(
            20200410112005,
            at: 20190812191616,
            "drives.end_range_km does not fit into numeric(6, 2) in 1 row(s), the first with id 1",
            "22003",
            """
            \(threeCars);
            INSERT INTO drives (id, car_id, start_date, end_range_km) VALUES (1, 1, now(), -10000);
            """
        ),
        .breaks(
            20200410112005,
            at: 20200401171923,
            "drives.power_min does not fit into smallint in 1 row(s), the first with id 1",
            "22003",
            """
            \(threeCarsWithSettings);
            INSERT INTO drives (id, car_id, start_date, power_min) VALUES (1, 1, now(), -32768.6);
            """
        ),
        .breaks(
            20200410112005,
            at: 20190330200000,
            "charging_processes.start_soc does not fit into numeric(6, 2) in 1 row(s), the first with id 1",
            "22003",
            """
            \(threeCars);
            \(aPosition);
            INSERT INTO charging_processes (id, car_id, position_id, start_date, start_soc) VALUES (1, 1, 17, now(), 99999);
            """
        ),
        .breaks(
            20200410112005,
            at: 20191119162847,
            "charges of charging process 1 span 40000 minutes",
            "22003",
            """
            \(threeCarsWithSettings);
            \(aPosition);
            INSERT INTO charging_processes (id, car_id, position_id, start_date) VALUES (1, 1, 17, now());
            INSERT INTO charges (id, charging_process_id, date, charge_energy_added, charger_power, ideal_battery_range_km) VALUES
                (5, 1, '2019-01-01', 1, 11, 200), (6, 1, timestamp '2019-01-01' + interval '40000 min', 2, 11, 200);
            """
        ),
        .breaks(
            20200410112005,
            at: 20191212230527,
            "charging_processes.charge_energy_used does not fit into numeric(8, 2) in 1 row(s), the first with id 1",
            "22003",
            """
            \(threeCarsWithSettings);
            \(aPosition);
            INSERT INTO charging_processes (id, car_id, position_id, start_date, charge_energy_used) VALUES
                (1, 1, 17, now(), 999999.995);
            """
        ),
        .breaks(
            20200410112005,
            at: 20191119162847,
            "charges.charger_actual_current does not fit into smallint in 2 row(s), the first with id 5",
            "22003",
            """
            \(threeCarsWithSettings);
            \(aPosition);
            INSERT INTO charging_processes (id, car_id, position_id, start_date) VALUES (1, 1, 17, now());
            INSERT INTO charges (id, charging_process_id, date, charge_energy_added, charger_power, ideal_battery_range_km,
                charger_actual_current) VALUES
                (5, 1, '2019-01-01', 1, 11, 200, 40000), (6, 1, '2019-01-02', 2, 11, 200, -40000);
            """
        ),
        .breaks(
            20200410112005,
            at: 20190415103933,
            "charges.charger_power does not fit into smallint in 2 row(s), the first with id 5",
            "22003",
            """
            \(threeCars);
            \(aPosition);
            INSERT INTO charging_processes (id, car_id, position_id, start_date) VALUES (1, 1, 17, now());
            INSERT INTO charges (id, charging_process_id, date, charge_energy_added, charger_power, ideal_battery_range_km) VALUES
                (5, 1, '2019-01-01', 1, 11, 200), (6, 1, '2019-01-02', 2, 11, 200);
            UPDATE charges SET charger_power = 1e9;
            """
        ),
        .breaks(
            20200410112005,
            at: 20200120142602,
            "addresses.latitude does not fit into numeric(8, 6) in 1 row(s), the first with id 2",
            "22003",
            """
            INSERT INTO addresses (id, latitude, longitude, inserted_at, updated_at) VALUES (2, 100, 1, now(), now());
            """
        ),
        .breaks(
            20200410112005,
            at: 20200401171923,
            "geofences.radius does not fit into smallint in 1 row(s), the first with id 2",
            "22003",
            """
            INSERT INTO geofences (id, name, latitude, longitude, radius, inserted_at, updated_at) VALUES
                (2, 'home', 1, 1, 32767.5, now(), now());
            """
        ),
        .breaks(
            20200410112005,
            at: 20200401171923,
            "positions has the id 2147483648, and the greatest that fits is 2147483647",
            "22003",
            """
            \(threeCarsWithSettings);
            INSERT INTO positions (id, date, car_id, latitude, longitude) VALUES (2147483648, now(), 1, 1, 1);
            """
        ),
        .breaks(
            20200410112005,
            at: 20190828150058,
            "cars has the id 32768",
            "22003",
            """
            INSERT INTO cars (id, eid, vid, inserted_at, updated_at) VALUES (32768, 1, 1, now(), now());
            """
        ),
        .breaks(
            20200410112005,
            at: 20200401171923,
            "my_speeds uses 2 column(s) whose type changes, such as positions.id",
            "0A000",
            """
            CREATE VIEW my_speeds AS SELECT id, date, speed, odometer FROM positions;
            """
        ),
        .breaks(
            20200528175158,
            at: 20190729142656,
            "rule _RETURN on view my_kilometres uses the function convert_km(double precision,text)",
            "2BP01",
            """
            CREATE VIEW my_kilometres AS SELECT convert_km(1, 'km');
            """
        ),
        .breaks(
            20210831153305,
            at: 20210812173700,
            "car 2 has no display_priority",
            "23502",
            """
            \(threeCarsWithSettings);
            UPDATE cars SET display_priority = NULL WHERE id = 2;
            """
        ),
        .breaks(
            20211022103654,
            at: 20190330190000,
            "charging_processes has 1 row(s) without start_date (the first has id 1)",
            "23502",
            """
            \(threeCars);
            \(aPosition);
            INSERT INTO charging_processes (id, car_id, position_id) VALUES (1, 1, 17);
            """
        ),
        .breaks(
            20240929084639,
            at: 20200502140646,
            "the extension cube is not installed",
            "42704",
            asAdministrator: true,
            """
            DROP EXTENSION cube CASCADE;
            """
        ),
        .breaks(
            20250407155134,
            at: 20240929084639,
            "the extension earthdistance is not installed",
            "42704",
            asAdministrator: true,
            """
            DROP EXTENSION earthdistance;
            """
        ),
        .breaks(
            20250613133700,
            at: 20250407155134,
            "positions of drive 4 jump by 32769 m in elevation",
            "22003",
            """
            \(threeCarsWithSettings);
            INSERT INTO drives (id, car_id, start_date) VALUES (4, 1, now()), (5, 1, now());
            INSERT INTO positions (id, date, car_id, latitude, longitude, drive_id, elevation) VALUES
                (1, '2020-01-01', 1, 1, 1, 4, 16384), (2, '2020-01-02', 1, 1, 1, 4, NULL),
                (3, '2020-01-03', 1, 1, 1, 4, -16385), (4, '2020-01-04', 1, 1, 1, 4, 0);
            """
        ),
        .breaks(
            20250613133700,
            at: 20190408203117,
            "positions of drive 4 jump by 40000 m in elevation",
            "22003",
            """
            \(threeCars);
            INSERT INTO trips (id, car_id, start_date) VALUES (4, 1, now()), (5, 1, now());
            INSERT INTO positions (id, date, car_id, latitude, longitude, trip_id, altitude) VALUES
                (1, '2020-01-01', 1, 1, 1, 4, -20000.5), (2, '2020-01-02', 1, 1, 1, 4, NULL),
                (3, '2020-01-03', 1, 1, 1, 4, 19999.6), (4, '2020-01-04', 1, 1, 1, 4, 0);
            """
        ),
        .breaks(
            20250613133700,
            at: 20200401171923,
            "positions of drive 4 jump by 40000 m in elevation",
            "22003",
            """
            \(threeCarsWithSettings);
            INSERT INTO drives (id, car_id, start_date) VALUES (4, 1, now()), (5, 1, now());
            INSERT INTO positions (id, date, car_id, latitude, longitude, drive_id, elevation) VALUES
                (1, '2020-01-01', 1, 1, 1, 4, -20000.5), (2, '2020-01-02', 1, 1, 1, 4, NULL),
                (3, '2020-01-03', 1, 1, 1, 4, 19999.6), (4, '2020-01-04', 1, 1, 1, 4, 0);
            """
        ),
        .breaks(
            20250924215353,
            at: 20250613133700,
            "the schema private has tokens_id_seq already, where tokens is to go",
            "42P07",
            """
            CREATE SCHEMA private;
            CREATE SEQUENCE private.tokens_id_seq;
            """
        ),
        .breaks(
            20250924215353,
            at: 20250613133700,
            "may not create anything in the schema private",
            "42501",
            asAdministrator: true,
            """
            CREATE SCHEMA private;
            """
        ),
        .breaks(
            20260715081000,
            at: 20260411070212,
            "car 1 has as VIN the marker that car 3 is to get",
            "23505",
            """
            \(threeCarsWithSettings);
            UPDATE cars SET vin = '__legacy_null_vin__:3' WHERE id = 1;
            """
        ),
        .breaks(
            20260718160000,
            at: 20200528163852,
            "my_costs uses 1 column(s) whose type changes, such as charging_processes.cost",
            "0A000",
            """
            CREATE VIEW my_costs AS SELECT id, cost FROM charging_processes;
            """
        ),
    ]

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
