import ConvoyFleet
import ConvoyKit
import ConvoyMigrations
import ConvoyText
import TestSupport
import Testing

/// A baseline by the library.
@Suite(.timeLimit(.minutes(3))) struct BaselineClientTests {
    private static let files = [
        "Migrations/1_cars.sql": "-- migrate:up\nCREATE TABLE cars (id bigint PRIMARY KEY);\n-- migrate:down\nDROP TABLE cars;\n",
        "Migrations/2_plates.sql": "-- migrate:up\nALTER TABLE cars ADD COLUMN plate text;\n-- migrate:down\n",
    ]

    private func withFleet(_ databases: [TestDatabase], _ body: (_ fleetFile: String) async throws -> Void) async throws {
        var fleet = "version: 1\nfleet: test\nmigrations: Migrations\ndefaults: {connect_timeout: 10s}\ninstances:\n"
        for (name, database) in zip(["alice", "bob"], databases) {
            fleet += "  - {name: \(name), host: \(database.server.socketFolder), port: \(database.server.port), "
            fleet += "user: \(database.ownerName), database: \(database.name)}\n"
        }
        var files = Self.files
        files["fleet.yaml"] = fleet
        try await withTemporaryFolder(files: files) { folder in
            let set = try MigrationSet.load(directory: "\(folder)/Migrations", displayedAs: "Migrations")
            _ = try await CatalogueRecording(set, steps: [], server: databases[0].server.superuser(database: "postgres")).write(
                into: "\(folder)/Migrations"
            )
            try await body("\(folder)/fleet.yaml")
        }
    }

    @Test func aDatabaseIsAdopted() async throws {
        try await PostgresServer.shared().withDatabases(2) { databases in
            try await withFleet(databases) { file in
                let fleet = try FleetClient(fleetFile: file, environment: [:])
                for try await _ in fleet.run(try await fleet.plan(.version(MigrationVersion(1)), select: "name=alice")) {}
                try await databases[0].execute(["DROP TABLE schema_migrations"])
                let planned = try await fleet.plan(adoptingAt: nil)
                #expect(planned.instances.map(\.outcome) == [.pending, .blocked])
                #expect(planned.instances[1].failure?.message == "the database is empty, so there is no version to recognise")
                #expect(planned.plan.instances[0].correction?.records == [MigrationVersion(1)])
                let alice = try await fleet.plan(adoptingAt: MigrationVersion(1), select: "name=alice")
                var outcomes: [String] = []
                for try await event in fleet.run(alice) {
                    if case .instanceFinished(_, let result) = event.kind { outcomes.append(result.outcome.rawValue) }
                }
                #expect(outcomes == ["adopted"])
                #expect(try await databases[0].ledger() == [1])
                #expect(try await fleet.plan(adoptingAt: nil, select: "name=alice").isNothingDue)
            }
        }
    }

    @Test func whatCannotBePlanned() async throws {
        try await PostgresServer.shared().withDatabases(1) { databases in
            try await withFleet(databases) { file in
                let fleet = try FleetClient(fleetFile: file, environment: [:])
                await #expect(throws: FleetError.self) { _ = try await fleet.plan(adoptingAt: MigrationVersion(3)) }
                await #expect(throws: FleetError.self) { _ = try await fleet.plan(adoptingAt: nil, waves: ["canry"]) }
                await #expect(throws: FleetError.self) { _ = try await fleet.plan(adoptingAt: MigrationVersion(1), isForced: true) }
            }
        }
    }
}
