/// What was seen to break upgrades of real databases, and what comes near to it but does not.
enum Troubles {
    /// Three cars, as long as cars have no settings of their own.
    static let threeCars = """
        INSERT INTO cars (id, eid, vid, model, efficiency, inserted_at, updated_at)
        SELECT n, n, n, 'S', 0.2, now(), now() FROM generate_series(1, 3) AS n
        """

    /// The same later.
    static let threeCarsWithSettings = """
        WITH s AS (INSERT INTO car_settings (id) VALUES (1), (2), (3) RETURNING id)
        INSERT INTO cars (id, eid, vid, settings_id, inserted_at, updated_at) SELECT id, id, id, id, now(), now() FROM s
        """

    static let aPosition = "INSERT INTO positions (id, date, car_id, latitude, longitude) VALUES (17, now(), 1, 52.5, 13.4)"

    /// Rows that break a migration, and other objects in its way.
    static let breaking = breakingIn2019 + breakingNarrowerTypes + breakingSince2020
}
