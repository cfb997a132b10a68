internal import GRDB

/// The tables of a journal and how they came about.
enum JournalSchema {
    /// What `PRAGMA application_id` gives in a journal: `Cnvy`.
    static let applicationID: Int32 = 0x436E_7679

    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { db in
            // Times are RFC 3339 in UTC, so that they sort as text and can be read in the sqlite3 shell.
            try db.execute(
                sql: """
                    CREATE TABLE runs (
                        id TEXT NOT NULL PRIMARY KEY,
                        fleet TEXT NOT NULL,
                        fleet_file TEXT NOT NULL,
                        direction TEXT NOT NULL,
                        target TEXT,
                        steps INTEGER,
                        instances INTEGER NOT NULL,
                        plan BLOB NOT NULL,
                        started_at TEXT NOT NULL,
                        finished_at TEXT,
                        status TEXT,
                        convoy_version TEXT NOT NULL,
                        started_by TEXT NOT NULL,
                        abandoned_by TEXT
                    ) STRICT;
                    CREATE INDEX runs_by_start ON runs (started_at, id);

                    CREATE TABLE events (
                        number INTEGER PRIMARY KEY AUTOINCREMENT,
                        run TEXT NOT NULL REFERENCES runs (id),
                        at TEXT NOT NULL,
                        type TEXT NOT NULL,
                        instance TEXT,
                        outcome TEXT,
                        json TEXT NOT NULL
                    ) STRICT;
                    CREATE INDEX events_of_run ON events (run, number);
                    CREATE INDEX outcomes_of_run ON events (run, instance, number, outcome) WHERE outcome IS NOT NULL;

                    CREATE TABLE requests (
                        number INTEGER PRIMARY KEY AUTOINCREMENT,
                        run TEXT NOT NULL REFERENCES runs (id),
                        kind TEXT NOT NULL,
                        argument TEXT,
                        requested_by TEXT NOT NULL,
                        at TEXT NOT NULL
                    ) STRICT;
                    CREATE INDEX requests_of_run ON requests (run, number);

                    PRAGMA application_id = \(applicationID);
                    """
            )
        }
        return migrator
    }
}
