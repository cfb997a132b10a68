import ConvoyPostgres
import ConvoyRun
import Foundation
import Synchronization
import TestSupport
import Testing

/// One tenant sends without end: his instance ends with a clear failure, the process stays small, and his neighbours wait for nothing.
@Suite(.timeLimit(.minutes(10)), .serialized)
struct FloodCommandTests {
    private static let neighbours = 20
    private static let memoryLimit = 150 << 20

    /// What a tenant does in his own database, and what his instance's failure says.
    struct Flood: Sendable, CustomTestStringConvertible {
        var name: String
        var statements: [String]
        var words: String

        var testDescription: String { name }

        /// A function of the tenant's runs when the pending migration changes his table.
        static func trigger(_ name: String, _ body: String, _ words: String) -> Flood {
            Flood(
                name: name,
                statements: [
                    "CREATE FUNCTION flood() RETURNS trigger LANGUAGE plpgsql SET client_min_messages = debug1 AS $f$ BEGIN \(body) RETURN NEW; END $f$",
                    "CREATE TRIGGER flood BEFORE UPDATE ON cars FOR EACH ROW EXECUTE FUNCTION flood()",
                ],
                words: words
            )
        }
    }

    private static let floods = [
        Flood.trigger(
            "notices",
            "FOR i IN 1..3000 LOOP RAISE NOTICE '%', repeat('x', 1000000); END LOOP;",
            "the server sent more than 4 MiB without a result"
        ),
        .trigger("small warnings", "LOOP RAISE WARNING 'again'; END LOOP;", "the server sent more than 4 MiB without a result"),
        .trigger(
            "a message of 100 MB",
            "RAISE EXCEPTION '%', repeat('«', 50000000);",
            "the server sent more than 4 MiB without a result"
        ),
        .trigger("a message full of quotation marks", "RAISE EXCEPTION '%', repeat('«', 1000000);", "«««"),
        Flood(
            name: "a ledger of 30,000 versions",
            statements: ["INSERT INTO schema_migrations SELECT n, now() FROM generate_series(1, 30000) AS n"],
            words: "more than 20,000 versions"
        ),
        Flood(
            name: "a ledger of a million versions",
            statements: ["INSERT INTO schema_migrations SELECT n, now() FROM generate_series(1, 1000000) AS n"],
            words: "the table holds more than Convoy reads"
        ),
        Flood(
            name: "rows of 20 MB in the audit log",
            statements: [
                "ALTER TABLE convoy.migration_log ALTER checksum SET STORAGE EXTENDED",
                """
                INSERT INTO convoy.migration_log
                SELECT gen_random_uuid(), n, 'x', 'up', repeat('x', 20000000), repeat('x', 1000000), now(), 9223372036854775807, 'x', 'x', 'x', 1
                FROM generate_series(1, 20) AS n
                """,
            ],
            words: ""
        ),
    ]

    @Test(arguments: floods)
    func onlyHisOwnInstanceFeelsIt(_ flood: Flood) async throws {
        let server = try await PostgresServer.shared()
        try await server.withDatabases(Self.neighbours + 1) { databases in
            var files = SmallSet.files
            files["Migrations/20200103000000_forget_plates.sql"] =
                "-- migrate:up\nUPDATE cars SET plate = NULL;\nSELECT * FROM cars;\n-- migrate:down\nSELECT 1;\n"
            let instances = databases.enumerated().map { index, database in
                "  - {name: \(index == 0 ? "flood" : "n\(index)"), host: \(server.socketFolder), port: \(server.port), "
                    + "user: \(database.ownerName), database: \(database.name)}"
            }
            files["fleet.yaml"] =
                "version: 1\nfleet: floods\nmigrations: Migrations\ninstances:\n" + instances.joined(separator: "\n") + "\n"
            try await withTemporaryFolder(files: files) { folder in
                let calm = try await measured(["migrate", "--yes", "--to", "20200102000000", "--output", "json"], in: folder)
                #expect(calm.result.exitCode == 0)
                try await databases[0].execute(["INSERT INTO cars VALUES (1)"] + flood.statements, as: databases[0].ownerName)
                for arguments in [["status", "--output", "json"], ["migrate", "--yes", "--output", "json"]] {
                    let run = try await measured(arguments, in: folder)
                    #expect(run.memory < Self.memoryLimit, "\(arguments): \(run.memory >> 20) MiB")
                    #expect(run.result.exitCode < 100)
                    guard arguments[0] == "migrate" else { continue }
                    let all = try #require(try jsonObject(run.result)["instances"] as? [[String: Any]])
                    let outcomes = all.filter { $0["name"] as? String != "flood" }.map { $0["outcome"] as? String }
                    #expect(outcomes == [String?](repeating: "migrated", count: Self.neighbours))
                    let failure = all.first { $0["name"] as? String == "flood" }?["failure"] as? [String: Any]
                    if !flood.words.isEmpty {
                        let message = failure?["message"] as? String
                        #expect(message?.contains(flood.words) == true, "\(String(describing: failure))")
                    }
                    // The time of the neighbours, counted from the start of the run to the last of their ends.
                    let ends = try await ends(in: folder)
                    #expect(ends < calm.time * 2 + .seconds(3), "\(ends) after \(calm.time)")
                }
            }
        }
    }

    /// How long the run took until the last neighbour was done.
    private func ends(in folder: String) async throws -> Duration {
        let events = try await runConvoy(["runs", "show", "latest", "--events", "--output", "json"], in: folder).standardOutput
        var begin: Date?
        var last: Date?
        for line in events.split(separator: "\n") {
            let event = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] ?? [:]
            let at = try Date(event["at"] as? String ?? "", strategy: .iso8601.year().month().day().time(includingFractionalSeconds: true))
            begin = begin ?? at
            if event["type"] as? String == "instance_finished", event["instance"] as? String != "flood" { last = at }
        }
        return .milliseconds(Int64(try #require(last).timeIntervalSince(try #require(begin)) * 1000))
    }

    /// Runs it, and watches the most memory that it had.
    private func measured(_ arguments: [String], in folder: String) async throws -> (result: ConvoyResult, memory: Int, time: Duration) {
        let begin = ContinuousClock.now
        let process = try ConvoyProcess(arguments, in: folder)
        process.closeInput()
        var most = 0
        // Longer than the process gets.
        try await eventually("it has ended", within: .seconds(150)) {
            let status = (try? String(contentsOfFile: "/proc/\(process.processID)/status", encoding: .utf8)) ?? ""
            let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") } ?? ""
            most = max(most, (line.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) << 10)
            return process.snapshot.status != nil
        }
        let result = try await process.result()
        return (result, most, .now - begin)
    }
}
