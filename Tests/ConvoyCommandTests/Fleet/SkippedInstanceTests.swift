import ConvoyPostgres
import Foundation
import TestSupport
import Testing

/// Instances that the fleet file skips, or whose state it accepts: shown with the reason, and nothing to worry about.
@Suite(.timeLimit(.minutes(3)))
struct SkippedInstanceTests {
    private static let reason = "the disk is broken, back on Monday"

    /// A fleet of a database as `alice`, and of `bob`, whose server refuses connections and who is skipped.
    private func withAbsentee(
        _ database: TestDatabase,
        alice: String = "",
        waves: String = "[{name: canary, select: ring=bob}, {name: rest, stop: {unreachable_percent: 1}}]",
        _ body: (_ folder: String) async throws -> Void
    ) async throws {
        let refused = try RefusedPort()
        var files = SmallSet.files
        files["fleet.yaml"] = """
            version: 1
            fleet: test
            migrations: Migrations
            defaults: {connect_timeout: 10s}
            instances:
              - {name: alice, host: \(database.server.socketFolder), port: \(database.server.port), user: \(database.ownerName), database: \(database.name)\(alice)}
              - {name: bob, host: 127.0.0.1, port: \(refused.port), user: u, database: d, labels: {ring: bob}, skip: "\(Self.reason)"}
            rollout: {waves: \(waves)}

            """
        try await withTemporaryFolder(files: files, body)
    }

    private func instance(_ name: String, _ result: ConvoyResult, in key: String = "instances") throws -> [String: Any] {
        let instances = try #require(try jsonObject(result)[key] as? [[String: Any]])
        return try #require(instances.first { $0["name"] as? String == name })
    }

    @Test func itIsShownAndNeitherConnectedToNorCounted() async throws {
        try await withDatabase { database in
            try await withAbsentee(database) { folder in
                let validated = try await runConvoy(["validate"], in: folder)
                #expect(validated.exitCode == 0)
                #expect(validated.standardOutput.contains("bob: \(Self.reason)"))

                let status = try await runConvoy(["status"], in: folder)
                #expect(status.exitCode == 0, "\(status.standardOutput)")
                #expect(status.standardOutput.contains("2 instances: 1 pending, 1 skipped"))
                #expect(status.standardOutput.contains(Self.reason))
                let json = try await runConvoy(["status", "--output", "json"], in: folder)
                #expect(try instance("bob", json)["outcome"] as? String == "skipped")
                #expect(try instance("bob", json)["skip"] as? String == Self.reason)
                #expect(try instance("alice", json)["skip"] == nil)

                let plan = try await runConvoy(["plan", "--output", "json"], in: folder)
                #expect(plan.exitCode == 0)
                #expect(try instance("bob", plan, in: "skipped")["reason"] as? String == Self.reason)
                let document = try jsonObject(plan)
                #expect((document["waves"] as? [[String: Any]])?.map { $0["name"] as? String } == ["rest"])
                #expect((document["summary"] as? [String: Any])?["instances"] as? Int == 1)
                let table = try await runConvoy(["plan"], in: folder)
                #expect(
                    table.standardOutput.contains("on 1 of 1 instance in 1 wave; 1 skipped"),
                    "\(table.standardOutput)"
                )

                let migrated = try await runConvoy(["migrate", "--yes", "--output", "json"], in: folder)
                #expect(migrated.exitCode == 0, "\(migrated.standardError)")
                #expect(try jsonObject(migrated)["status"] as? String == "succeeded")
                #expect((try jsonObject(migrated)["instances"] as? [Any])?.count == 1)

                for command in [["status", "--check"], ["report"], ["report", "--no-probe"]] {
                    let result = try await runConvoy(command, in: folder)
                    #expect(result.exitCode == 0, "\(command): \(result.standardOutput)")
                    // Without a probe the last line is about the run.
                    let isCounted = result.standardOutput.contains("1 skipped")
                    #expect(isCounted || command.contains("--no-probe"), "\(command): \(result.standardOutput)")
                    #expect(result.standardOutput.contains(Self.reason), "\(command): \(result.standardOutput)")
                }
                let html = try await runConvoy(["report", "--output", "html"], in: folder)
                #expect(html.standardOutput.contains(Self.reason))
                let junit = try await runConvoy(["report", "--output", "junit"], in: folder)
                #expect(junit.standardOutput.contains("<skipped message=\"\(Self.reason)\""))
                let metrics = try await runConvoy(["report", "--output", "prometheus"], in: folder)
                #expect(metrics.standardOutput.contains("outcome=\"skipped\"} 1"))
                let markdown = try await runConvoy(["report", "--output", "markdown"], in: folder)
                #expect(markdown.standardOutput.contains("## Skipped"))

                let back = try await runConvoy(["rollback", "--steps", "1", "--yes"], in: folder)
                #expect(back.exitCode == 0, "\(back.standardError)")
                #expect(!back.standardError.contains("no wave"))
            }
        }
    }

    @Test func aSelectionOfSkippedInstancesHasNothingToDo() async throws {
        try await withDatabase { database in
            try await withAbsentee(database) { folder in
                for command in ["status", "plan", "report"] {
                    let result = try await runConvoy([command, "--select", "name=bob"], in: folder)
                    #expect(result.exitCode == 0, "\(command): \(result.standardOutput)\(result.standardError)")
                    #expect(result.standardOutput.contains(Self.reason), "\(command)")
                }
                for command in [["migrate"], ["rollback", "--steps", "1"]] {
                    let result = try await runConvoy(command + ["--select", "name=bob", "--yes"], in: folder)
                    #expect(result.exitCode == 0, "\(command): \(result.standardError)")
                    #expect(result.standardOutput.contains("nothing is pending, so no run was started"), "\(result.standardOutput)")
                }
                let runs = try await runConvoy(["runs", "--output", "json"], in: folder)
                #expect((try jsonObject(runs)["runs"] as? [Any])?.isEmpty == true)
            }
        }
    }

    /// The run failed on an instance that is now skipped: it does not count any more.
    @Test func aFailureBeforeTheSkipIsHistory() async throws {
        try await PostgresServer.shared().withDatabases(2) { databases in
            try await withFleet(databases, migrations: SmallSet.files.merging(SmallSet.narrowing) { $1 }) { folder in
                #expect(try await runConvoy(["migrate", "--to", "20200102000000", "--yes"], in: folder).exitCode == 0)
                try await databases[1].query("INSERT INTO cars (id) VALUES (9223372036854775807)")
                #expect(try await runConvoy(["migrate", "--yes"], in: folder).exitCode == 1)
                #expect(try await runConvoy(["report", "--no-probe"], in: folder).exitCode == 1)
                let file = URL(filePath: "\(folder)/fleet.yaml")
                let text = try String(contentsOf: file, encoding: .utf8)
                try text.replacing("name: bob,", with: "name: bob, skip: away,").write(to: file, atomically: true, encoding: .utf8)
                for command in [["report"], ["report", "--no-probe"], ["status"], ["migrate", "--yes"]] {
                    let result = try await runConvoy(command, in: folder)
                    #expect(result.exitCode == 0, "\(command): \(result.standardOutput)\(result.standardError)")
                }
            }
        }
    }

    // MARK: Accepted states

    @Test(arguments: [true, false])
    func anAcceptedInstanceThatIsAheadIsLeftAloneAndCountsAsWell(_ hasHooks: Bool) async throws {
        try await withDatabase { database in
            try await withAbsentee(database, alice: ", accept: [ahead]") { folder in
                let file = URL(filePath: "\(folder)/fleet.yaml")
                if hasHooks {
                    let text = try String(contentsOf: file, encoding: .utf8)
                    try text.replacing("rollout: {", with: "rollout: {hooks: {before_instance: [\"false\"]}, ")
                        .write(to: file, atomically: true, encoding: .utf8)
                } else {
                    #expect(try await runConvoy(["migrate", "--yes"], in: folder).exitCode == 0)
                }
                if hasHooks {
                    try await database.query("CREATE TABLE schema_migrations (version bigint PRIMARY KEY, inserted_at timestamp(0))")
                    try await database.query("INSERT INTO schema_migrations VALUES (20200101000000, now()), (20200102000000, now())")
                    try await database.query("ALTER TABLE schema_migrations OWNER TO \(database.ownerName)")
                }
                try await database.query("INSERT INTO schema_migrations (version, inserted_at) VALUES (20990101000000, now())")
                let status = try await runConvoy(["status", "--output", "json"], in: folder)
                #expect(status.exitCode == 0, "\(status.standardOutput)")
                let alice = try instance("alice", status)
                #expect(alice["outcome"] as? String == "ahead")
                #expect(alice["accepted"] as? Bool == true)
                #expect(alice["unknown_versions"] as? [String] == ["20990101000000"])
                #expect(alice["error"] is NSNull)
                let table = try await runConvoy(["status"], in: folder)
                #expect(table.standardOutput.contains("1 ahead (accepted), 1 skipped"), "\(table.standardOutput)")
                let plan = try await runConvoy(["plan"], in: folder)
                #expect(plan.exitCode == 0)
                #expect(plan.standardOutput.contains("nothing to apply on 1 instance; 1 skipped"), "\(plan.standardOutput)")
                let described = try await runConvoy(["describe", "alice", "--output", "json"], in: folder)
                #expect(described.exitCode == 0)
                #expect(try jsonObject(described)["accepted"] as? Bool == true)
                let bob = try await runConvoy(["describe", "bob"], in: folder)
                #expect(bob.exitCode == 0 && bob.standardOutput.contains(Self.reason), "\(bob.standardOutput)\(bob.standardError)")
                let history = try await runConvoy(["history", "bob"], in: folder)
                #expect(history.exitCode == 0 && !history.standardOutput.contains("refused"), "\(history.standardOutput)")
                for command in [["migrate", "--yes"], ["report"], ["report", "--output", "junit"], ["report", "--output", "html"]] {
                    let result = try await runConvoy(command, in: folder)
                    #expect(result.exitCode == 0, "\(command): \(result.standardOutput)\(result.standardError)")
                    // Scripts of a page have words for what is not the case here.
                    let text = result.standardOutput.replacing(/(?s)<script.*?<\/script>/, with: "")
                    #expect(!text.contains("not well"), "\(command)")
                    #expect(!result.standardOutput.contains("<failure"), "\(command)")
                }
            }
        }
    }

    /// What was accepted is an instance with more than the set has: a tenant who removes a row of the ledger does not keep out of every migration.
    @Test func anInstanceThatLacksVersionsIsNotAccepted() async throws {
        try await withDatabase { database in
            try await withAbsentee(database, alice: ", accept: [ahead]") { folder in
                #expect(try await runConvoy(["migrate", "--yes"], in: folder).exitCode == 0)
                try await database.query("UPDATE schema_migrations SET version = 20990101000000 WHERE version = 20200102000000")
                let status = try await runConvoy(["status", "--output", "json"], in: folder)
                #expect(status.exitCode == 1)
                let alice = try instance("alice", status)
                #expect(alice["outcome"] as? String == "ahead" && alice["accepted"] == nil)
                let error = try #require(alice["error"] as? [String: Any])
                #expect((error["message"] as? String)?.contains("versions of the set are missing: 20200102000000") == true, "\(error)")
            }
        }
    }

    @Test func amongOthersItNeitherFailsTheRunNorBreaksAStopRule() async throws {
        try await PostgresServer.shared().withDatabases(2) { databases in
            let waves = ["{name: first, names: [alice], stop: {failures: 1}, on_failure: rollback}", "{name: rest}"]
            try await withFleet(databases, waves: waves) { folder in
                #expect(try await runConvoy(["migrate", "--yes", "--wave", "first"], in: folder).exitCode == 0)
                try await databases[0].query("INSERT INTO schema_migrations (version, inserted_at) VALUES (20990101000000, now())")
                let refused = try await runConvoy(["migrate", "--yes"], in: folder)
                #expect(refused.exitCode == 2, "\(refused.standardOutput)")
                let file = URL(filePath: "\(folder)/fleet.yaml")
                let text = try String(contentsOf: file, encoding: .utf8)
                try text.replacing("name: alice,", with: "name: alice, accept: [ahead],").write(to: file, atomically: true, encoding: .utf8)
                let result = try await runConvoy(["migrate", "--yes", "--output", "json"], in: folder)
                #expect(result.exitCode == 0, "\(result.standardError)")
                #expect(try jsonObject(result)["status"] as? String == "succeeded")
                #expect(try instance("alice", result)["outcome"] as? String == "ahead")
                #expect(try instance("bob", result)["outcome"] as? String == "migrated")
            }
        }
    }
}
