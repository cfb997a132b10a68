package import ConvoyMigrations

/// A set of the migrations given, named in order.
package func migrationSet(_ files: [(version: Int64, text: String)]) throws -> MigrationSet {
    try MigrationSet(
        files.map { file in
            try MigrationFile(
                version: MigrationVersion(file.version),
                name: "test",
                path: "Migrations/\(file.version)_test.sql",
                contents: Array(file.text.utf8)
            ).migration()
        }
    )
}

/// The text of a migration file.
package func migrationText(_ up: String, down: String = "", options: String = "") -> String {
    "-- migrate:up\(options)\n\(up)\n\n-- migrate:down\(options)\n\(down)\n"
}

/// Three small migrations: a table, a column, a value that only a table with rows refuses.
package func threeMigrations(second: String = "ALTER TABLE cars ADD COLUMN name text;") throws -> MigrationSet {
    try migrationSet([
        (1, migrationText("CREATE TABLE cars (id bigint PRIMARY KEY);", down: "DROP TABLE cars;")),
        (2, migrationText(second, down: "ALTER TABLE cars DROP COLUMN name;")),
        (3, migrationText("CREATE TABLE trips (id bigint PRIMARY KEY);", down: "DROP TABLE trips;")),
    ])
}
