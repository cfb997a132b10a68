extension Troubles {
    /// For the other migrations since 2020.
    static let breakingSince2020: [Trouble] = [
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
}
