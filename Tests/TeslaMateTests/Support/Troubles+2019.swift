extension Troubles {
    /// For the migrations of 2019.
    static let breakingIn2019: [Trouble] = [
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
    ]
}
