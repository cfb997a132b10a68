import ConvoyPostgres
import Foundation
import TestSupport
import Testing

/// The trace of a run, as a collector gets it: on real databases, with the program as its user runs it.
@Suite(.timeLimit(.minutes(10)))
struct TraceCommandTests {
    /// Three migrations; the second one takes a while and the third one fails where a schema says so: a table would make the database look used.
    private static let files = [
        "Migrations/1_cars.sql": "-- migrate:up\nCREATE TABLE cars (id bigint PRIMARY KEY);\n-- migrate:down\nDROP TABLE cars;\n",
        "Migrations/2_names.sql": """
        -- migrate:up
        ALTER TABLE cars ADD COLUMN name text;
        DO $$ BEGIN IF to_regnamespace('slow') IS NOT NULL THEN PERFORM pg_sleep(3); END IF; END $$;
        -- migrate:down
        ALTER TABLE cars DROP COLUMN name;

        """,
        "Migrations/3_trips.sql": """
        -- migrate:up
        CREATE TABLE trips (id bigint PRIMARY KEY);
        DO $$ BEGIN
            IF to_regnamespace('trouble') IS NOT NULL THEN RAISE EXCEPTION 'the value 4711 does not fit' USING ERRCODE = '22003'; END IF;
        END $$;
        -- migrate:down
        DROP TABLE trips;

        """,
    ]

    private static let waves = ["{name: canary, names: [alice], gate: {command: [sh, -c, 'echo $TRACEPARENT >> gate']}}", "{name: rest}"]

    /// A fleet of the databases, with hooks that write down what they get.
    private func withHookedFleet(_ databases: [TestDatabase], _ body: (_ folder: String) async throws -> Void) async throws {
        try await withFleet(databases, migrations: Self.files, waves: Self.waves) { folder in
            let path = "\(folder)/fleet.yaml"
            var text = try String(contentsOfFile: path, encoding: .utf8)
            for point in ["before_run", "before_wave", "before_instance"] {
                if point == "before_run" { text += "  hooks:\n" }
                text += "    \(point): [sh, -c, 'echo $TRACEPARENT >> hooks']\n"
            }
            try text.write(toFile: path, atomically: true, encoding: .utf8)
            try await body(folder)
        }
    }

    private func ledger(_ database: TestDatabase) async throws -> [Int64] {
        let there = try await database.query("SELECT to_regclass('public.schema_migrations') IS NOT NULL AS there").onlyRow().bool("there")
        guard there else { return [] }
        return try await database.query("SELECT version FROM schema_migrations ORDER BY version").rows.map { try $0.int64("version") }
    }

    private func areInTheMiddle(_ databases: ArraySlice<TestDatabase>) async throws -> Bool {
        for database in databases {
            guard try await ledger(database) == [1] else { return false }
        }
        return true
    }

    /// The spans without those that came twice, which must be equal; that they are one tree is checked.
    private func tree(_ spans: [CollectedSpan], below parent: String? = nil) throws -> (root: CollectedSpan, spans: Set<CollectedSpan>) {
        let all = Set(spans)
        let ids = Set(all.map(\.id))
        #expect(ids.count == all.count, "a span came twice, and differently")
        #expect(Set(all.map(\.trace)).count == 1)
        let roots = all.filter { span in !ids.contains(span.parent ?? "") }
        #expect(roots.map(\.name) == ["convoy migrate"], "\(roots.map { "\($0.name) \($0.attributes)" })")
        let root = try #require(roots.first)
        #expect(root.parent == parent)
        return (root, all)
    }

    private static let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    @Test(.serialized, arguments: PostgresServer.Release.tested, [nil, parent])
    func aRunThatIsKilledAndResumedIsOneTree(_ release: PostgresServer.Release, _ parent: String?) async throws {
        try await PostgresServer.shared(release).withDatabases(3) { databases in
            try await withHookedFleet(databases) { folder in
                for database in databases.dropFirst() { _ = try await database.query("CREATE SCHEMA slow") }
                let collector = try TraceCollector()
                let environment = ["OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint, "OTEL_SERVICE_NAME": "eu"]
                let first = environment.merging(parent.map { ["TRACEPARENT": $0] } ?? [:]) { $1 }
                let process = try ConvoyProcess(["migrate", "--yes"], environment: first, in: folder)
                process.closeInput()
                try await eventually("both are in the middle", within: .seconds(60)) {
                    try await areInTheMiddle(databases.dropFirst())
                }
                process.kill()
                #expect(try await process.result().exitCode == 128 + 9)

                // It stays in the trace in which it began.
                let other = parent == nil ? [:] : ["TRACEPARENT": "00-11111111111111111111111111111111-2222222222222222-01"]
                let second = environment.merging(other) { $1 }
                let resumed = try await runConvoy(["resume", "--yes", "--output", "json"], environment: second, in: folder)
                #expect(resumed.exitCode == 0, "\(resumed.standardError)")
                let run = try #require(try jsonObject(resumed)["run"] as? String)

                let (root, spans) = try tree(collector.spans(), below: parent == nil ? nil : "00f067aa0ba902b7")
                if parent != nil { #expect(root.trace == "4bf92f3577b34da6a3ce929d0e0e4736") }
                #expect(spans.allSatisfy { $0.attributes["convoy.run.id"] == run && $0.resource["service.name"] == "eu" })
                #expect(!root.isError && root.attributes["convoy.run.status"] == "succeeded" && root.events == ["run_resumed"])
                #expect(spans.allSatisfy { $0.start >= root.start && $0.end <= root.end })
                let waves = spans.filter { $0.name == "wave" }.compactMap { $0.attributes["convoy.wave"] }
                #expect(waves.sorted() == ["canary", "rest"])

                // Every migration of every instance is there once, as the ledger has it.
                let applied = spans.filter { $0.name.hasPrefix("apply ") }
                let expected = SmallSet.names.flatMap { name in [1, 2, 3].map { "\(name) apply \($0)" } }
                #expect(applied.map { "\($0.attributes["convoy.instance"] ?? "") \($0.name)" }.sorted() == expected)
                for (index, name) in SmallSet.names.enumerated() {
                    let own = applied.filter { $0.attributes["convoy.instance"] == name }
                    #expect(own.allSatisfy { $0.kind == 3 && $0.attributes["db.namespace"] == databases[index].name })
                    #expect(own.allSatisfy { $0.attributes["server.port"] == String(databases[index].server.port) })
                }
                // The instances that the kill cut off say so.
                let visits = spans.filter { $0.name == "instance" }
                let outcomes = visits.map { "\($0.attributes["convoy.instance"] ?? "") \($0.attributes["convoy.outcome"] ?? "")" }
                #expect(outcomes.sorted() == ["alice migrated", "bob cut-off", "bob migrated", "carol cut-off", "carol migrated"])
                #expect(visits.filter(\.isError).allSatisfy { $0.attributes["convoy.outcome"] == "cut-off" && $0.message != nil })

                // What hooks and the gate were given are spans of the tree.
                for (file, count) in [("hooks", 8), ("gate", 1)] {
                    let lines = try String(contentsOfFile: "\(folder)/\(file)", encoding: .utf8).split(separator: "\n")
                    #expect(lines.count >= count && Set(lines).count >= count, "\(file): \(lines)")
                    let own = spans.filter { $0.name.hasPrefix("hook ") || $0.name == "gate" }.map { "00-\($0.trace)-\($0.id)-01" }
                    #expect(Set(lines.map(String.init)).isSubset(of: own), "\(file): \(lines)")
                }
            }
        }
    }

    @Test func aMigrationThatFailsIsAnError() async throws {
        try await PostgresServer.shared().withDatabases(1) { databases in
            try await withFleet(databases, migrations: Self.files) { folder in
                _ = try await databases[0].query("CREATE SCHEMA trouble")
                let collector = try TraceCollector()
                let environment = ["CONVOY_OTLP_ENDPOINT": collector.endpoint]
                let result = try await runConvoy(["migrate", "--yes"], environment: environment, in: folder)
                #expect(result.exitCode == 1, "\(result.standardError)")
                let (root, spans) = try tree(collector.spans())
                #expect(root.isError && root.attributes["error.type"] == "failed")
                let failed = try #require(spans.first { $0.name == "apply 3" })
                #expect(failed.isError && failed.attributes["error.type"] == "22003")
                #expect(failed.message?.contains("the value 4711 does not fit") == true)
                // What goes back has its own kind of span.
                let again = try await runConvoy(["rollback", "--yes", "--steps", "1"], environment: environment, in: folder)
                #expect(again.exitCode == 0, "\(again.standardError)")
                let names = try collector.spans().map(\.name)
                #expect(names.contains("revert 2") && names.contains("convoy rollback"))
            }
        }
    }

    private enum Trouble: String, CaseIterable {
        case refused, silent, redirecting, failing, busy, endless, wrong
    }

    /// What a collector does changes nothing in a run.
    @Test(arguments: Trouble.allCases)
    private func aCollectorInTroubleHarmsNoRun(_ trouble: Trouble) async throws {
        let other = try HTTPResponder { _ in .status(200) }
        let refused = try RefusedPort()
        let collector = try TraceCollector {
            switch trouble {
            case .refused, .silent: .silence
            case .redirecting: .redirect("http://127.0.0.1:\(other.port)/v1/traces")
            case .failing: .status(500)
            case .busy: .later("3600")
            case .endless: .endless
            case .wrong: .raw("SSH-2.0-OpenSSH_9.2\r\n")
            }
        }
        let warning: String? =
            switch trouble {
            case .refused: "connection refused"
            case .silent: "it had not answered when the time after the run was over"
            case .redirecting: "it answered 302, and Convoy does not follow redirects"
            case .failing: "it answered 500"
            case .busy: "it answered 429"
            case .endless: nil
            case .wrong: "its answer is not valid HTTP"
            }
        try await PostgresServer.shared().withDatabases(1) { databases in
            try await withFleet(databases, migrations: Self.files) { folder in
                let endpoint = trouble == .refused ? "http://127.0.0.1:\(refused.port)" : collector.endpoint
                let start = ContinuousClock.now
                let result = try await runConvoy(
                    ["migrate", "--yes", "--output", "json"],
                    environment: ["OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20hunter2"],
                    in: folder
                )
                let duration = ContinuousClock.now - start
                #expect(result.exitCode == 0, "\(result.standardError)")
                #expect(try jsonObject(result)["status"] as? String == "succeeded")
                #expect(try await ledger(databases[0]) == [1, 2, 3])
                let lines = result.standardError.split(separator: "\n").filter { $0.hasPrefix("warning: ") }
                let expected = "warning: OTEL_EXPORTER_OTLP_ENDPOINT: 6 of 6 spans of the run's trace did not arrive: "
                #expect(lines.count == (warning == nil ? 0 : 1), "\(lines)")
                if let warning { #expect(lines.first?.hasPrefix(expected + warning) == true, "\(lines)") }
                #expect(!result.standardError.contains("hunter2"))
                #expect(other.requests == [])
                // The run itself takes a second or so; after it at most four are waited.
                #expect(duration < .seconds(30), "\(trouble): \(duration)")
            }
        }
    }

    /// An operator who stops a run does not wait for a collector either.
    @Test func aStoppedRunIsSentToo() async throws {
        for isSilent in [false, true] {
            try await PostgresServer.shared().withDatabases(3) { databases in
                try await withFleet(databases, migrations: Self.files, waves: Self.waves) { folder in
                    _ = try await databases[0].query("CREATE SCHEMA slow")
                    let collector = try TraceCollector { isSilent ? .silence : TraceCollector.success }
                    let process = try ConvoyProcess(
                        ["migrate", "--yes", "--output", "json"],
                        environment: ["CONVOY_OTLP_ENDPOINT": collector.endpoint],
                        in: folder
                    )
                    process.closeInput()
                    try await eventually("the canary is in the middle", within: .seconds(60)) { try await ledger(databases[0]) == [1] }
                    process.interrupt()
                    let result = try await process.result()
                    #expect(result.exitCode == 130, "\(result.standardError)")
                    #expect(try jsonObject(result)["status"] as? String == "interrupted")
                    if isSilent {
                        #expect(result.standardError.contains("CONVOY_OTLP_ENDPOINT: "), "\(result.standardError)")
                        return
                    }
                    let (root, spans) = try tree(collector.spans())
                    #expect(root.attributes["convoy.run.status"] == "interrupted" && root.isError && root.events.contains("stop_requested"))
                    let first = spans

                    // What was sent is not sent again; the rest is below it.
                    let resumed = try await runConvoy(
                        ["resume", "--yes"],
                        environment: ["CONVOY_OTLP_ENDPOINT": collector.endpoint],
                        in: folder
                    )
                    #expect(resumed.exitCode == 0, "\(resumed.standardError)")
                    let all = try collector.spans()
                    #expect(Set(all.map(\.id)).count == all.count)
                    let (again, whole) = try tree(all)
                    #expect(again == root && whole.count > first.count)
                    #expect(whole.contains { $0.name == "convoy resume" && $0.parent == root.id && !$0.isError })
                }
            }
        }
    }

    @Test func whatIsNotTracedSaysNothing() async throws {
        try await PostgresServer.shared().withDatabases(2) { databases in
            try await withHookedFleet(databases) { folder in
                let collector = try TraceCollector()
                let endpoint = ["OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint, "TRACEPARENT": Self.parent]
                let off = endpoint.merging(["OTEL_TRACES_SAMPLER": "always_off"]) { $1 }
                let result = try await runConvoy(["migrate", "--yes"], environment: off, in: folder)
                #expect(result.exitCode == 0, "\(result.standardError)")
                #expect(!result.standardError.contains("warning"), "\(result.standardError)")
                // Programs learn that nothing is recorded.
                let lines = try String(contentsOfFile: "\(folder)/hooks", encoding: .utf8).split(separator: "\n")
                #expect(lines.allSatisfy { $0.hasPrefix("00-4bf92f3577b34da6a3ce929d0e0e4736-") && $0.hasSuffix("-00") }, "\(lines)")

                let grpc = endpoint.merging(["OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"]) { $1 }
                let rollback = try await runConvoy(["rollback", "--yes", "--steps", "1"], environment: grpc, in: folder)
                #expect(rollback.exitCode == 0, "\(rollback.standardError)")
                #expect(rollback.standardError.contains("warning: OTEL_EXPORTER_OTLP_PROTOCOL: Convoy cannot send traces over grpc"))
                #expect(collector.requests == [])
            }
        }
    }
}
