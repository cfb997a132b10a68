import TestSupport

/// A fleet whose run waits at a gate.
enum GatedFleet {
    /// A fleet of two databases with a wave each, the second of which waits until the gate of the first is approved.
    static func with(_ body: (_ folder: String, _ database: TestDatabase) async throws -> Void) async throws {
        try await PostgresServer.shared().withDatabases(2) { databases in
            var fleet = "version: 1\nfleet: test\ninstances:\n"
            for (name, database) in zip(["canary", "rest"], databases) {
                fleet += "  - {name: \(name), host: \(database.server.socketFolder), port: \(database.server.port), "
                fleet += "user: \(database.ownerName), database: \(database.name)}\n"
            }
            fleet += "rollout:\n  waves:\n    - {name: first, select: name=canary, gate: {approve: true}}\n    - {name: last}\n"
            let migration = "-- migrate:up\nCREATE TABLE cars (id bigint PRIMARY KEY);\n-- migrate:down\nDROP TABLE cars;\n"
            try await withTemporaryFolder(files: ["fleet.yaml": fleet, "Migrations/1_cars.sql": migration]) { folder in
                try await body(folder, databases[1])
            }
        }
    }
}
