extension Troubles {
    /// For the migration that gives columns narrower types: values that do not fit, and views that use the columns.
    static let breakingNarrowerTypes: [Trouble] = [
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
    ]
}
