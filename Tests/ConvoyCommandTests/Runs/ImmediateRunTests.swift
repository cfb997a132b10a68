import ConvoyPostgres
import Foundation
import TestSupport
import Testing

/// `--now`: what an operator in a hurry leaves out, and what stays.
@Suite(.timeLimit(.minutes(5)))
struct ImmediateRunTests {
    /// It passes only with an approval.
    private static let gate = "gate: {soak: 1h, approve: true}"

    private static func withGatedFleet(
        _ migrations: [String: String] = SmallSet.files,
        waves: [String] = ["{name: canary, names: [alice], \(gate)}", "{name: rest, max_parallel: 1}"],
        _ body: (_ databases: [TestDatabase], _ folder: String) async throws -> Void
    ) async throws {
        try await PostgresServer.shared().withDatabases(2) { databases in
            try await withFleet(databases, migrations: migrations, waves: waves) { folder in
                // The window is closed now: it is the day after tomorrow.
                let days = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
                let today = (Int(Date().timeIntervalSince1970) / 86400 + 4) % 7
                let window = "  window: {days: [\(days[(today + 2) % 7])], from: \"11:00\", to: \"12:00\", timezone: UTC}\n"
                let fleet = try String(contentsOfFile: "\(folder)/fleet.yaml", encoding: .utf8)
                try writeFile("\(folder)/fleet.yaml", fleet + window)
                try await body(databases, folder)
            }
        }
    }

    private static func versions(_ database: TestDatabase) async throws -> Int64 {
        guard try await database.query("SELECT to_regclass('public.schema_migrations') IS NOT NULL AS there").onlyRow().bool("there") else {
            return 0
        }
        return try await database.query("SELECT count(*) AS n FROM schema_migrations").onlyRow().int64("n")
    }

    @Test func aRunAtOnceWaitsForNoGateAndForNoWindowAndSaysSo() async throws {
        try await Self.withGatedFleet { databases, folder in
            let usual = try await runConvoy(["migrate", "--dry-run"], in: folder)
            #expect(usual.standardOutput.contains("closed now: no instances start before"), "\(usual.standardError)")

            let line =
                "now: without the gate of wave canary and the maintenance window (no soak, no check, no approval); locks, limits and stop rules hold"
            let plan = try await runConvoy(["migrate", "--now", "--dry-run"], in: folder)
            #expect(plan.standardOutput.contains("\n\(line)\n"), "\(plan.standardOutput)")
            #expect(!plan.standardOutput.contains("closed now"))
            let document = try jsonObject(try await runConvoy(["migrate", "--now", "--dry-run", "--output", "json"], in: folder))
            #expect(document["now"] as? Bool == true)

            let result = try await runConvoy(["migrate", "--now", "--yes", "--output", "json"], in: folder)
            #expect(result.exitCode == 0, "\(result.standardError)")
            #expect(try jsonObject(result)["now"] as? Bool == true)
            // The canary is still a wave of its own, and first.
            let (canary, rest) = ("wave canary done", "wave rest:")
            let order = [canary, rest].map { result.standardError.range(of: $0)?.lowerBound }
            #expect(try #require(order[0]) < #require(order[1]), "\(result.standardError)")
            for database in databases { #expect(try await Self.versions(database) == 2) }

            for arguments in [["runs", "show"], ["report", "--no-probe"]] {
                let text = try await runConvoy(arguments, in: folder).standardOutput
                #expect(text.contains("started with --now: without gates and maintenance window\n"), "\(text)")
            }
            #expect(try jsonObject(try await runConvoy(["runs", "show", "--output", "json"], in: folder))["now"] as? Bool == true)
            let report = try jsonObject(try await runConvoy(["report", "--no-probe", "--output", "json"], in: folder))
            #expect((report["run"] as? [String: Any])?["now"] as? Bool == true)

            let back = try await runConvoy(["rollback", "--steps", "1", "--now", "--yes"], in: folder)
            #expect(back.exitCode == 0, "\(back.standardError)")
            #expect(back.standardOutput.contains("started with --now"))
            for database in databases { #expect(try await Self.versions(database) == 1) }
        }
    }

    @Test func aRunWithoutTheOptionDoesNotHaveTheKey() async throws {
        try await PostgresServer.shared().withDatabases(1) { databases in
            try await withFleet(databases) { folder in
                for arguments in [["plan"], ["migrate", "--yes"], ["runs", "show"]] {
                    let document = try jsonObject(try await runConvoy(arguments + ["--output", "json"], in: folder))
                    #expect(document["schema"] != nil)
                    #expect(document["now"] == nil, "\(arguments)")
                }
                let plan = try await runConvoy(["rollback", "--steps", "1", "--now", "--dry-run"], in: folder)
                #expect(
                    plan.standardOutput.contains("now: there is no gate and no maintenance window to leave out\n"),
                    "\(plan.standardOutput)"
                )
            }
        }
    }

    /// The plan says it, so a run that was killed stays one without gates.
    @Test func aResumedRunIsStillWithoutGatesAndWindow() async throws {
        var migrations = SmallSet.files
        migrations["Migrations/20200103000000_slow.sql"] = "-- migrate:up\nSELECT pg_sleep(2);\n-- migrate:down\nSELECT 1;\n"
        try await Self.withGatedFleet(migrations) { databases, folder in
            let process = try ConvoyProcess(["migrate", "--now", "--yes"], in: folder)
            process.closeInput()
            try await eventually("the canary is in the middle", within: .seconds(60)) { try await Self.versions(databases[0]) == 2 }
            process.kill()
            #expect(try await process.result().exitCode == 128 + 9)
            let resumed = try await runConvoy(["resume", "--yes", "--output", "json"], in: folder)
            #expect(resumed.exitCode == 0, "\(resumed.standardError)")
            #expect(!resumed.standardError.contains("gate"), "\(resumed.standardError)")
            #expect(try jsonObject(resumed)["now"] as? Bool == true)
            for database in databases { #expect(try await Self.versions(database) == 3) }
        }
    }

    @Test func stopRulesHold() async throws {
        var migrations = SmallSet.files
        migrations["Migrations/20200103000000_bad.sql"] = "-- migrate:up\nSELECT 1 / 0;\n-- migrate:down\nSELECT 1;\n"
        let waves = ["{name: canary, names: [alice], stop: {failures: 1}, \(Self.gate)}", "{name: rest}"]
        try await Self.withGatedFleet(migrations, waves: waves) { databases, folder in
            let result = try await runConvoy(["migrate", "--now", "--yes"], in: folder)
            #expect(result.exitCode == 2, "\(result.standardError)")
            #expect(result.standardError.contains("wave canary reached its stop rule failures: 1"))
            #expect(result.standardError.contains("\n  convoy migrate --now\n"), "\(result.standardError)")
            #expect(try await Self.versions(databases[1]) == 0)
        }
    }

    @Test func aPlanIsOneOfARunAtOnceOnlyIfItSaysSo() async throws {
        try await Self.withGatedFleet { databases, folder in
            #expect(try await runConvoy(["plan", "--out", "usual.json"], in: folder).exitCode == 0)
            let refused = try await runConvoy(["migrate", "--plan", "usual.json", "--now", "--yes"], in: folder)
            #expect(refused.exitCode == 64)
            #expect(refused.standardError.contains("--now: the plan has gates and the maintenance window"))
            #expect(refused.standardError.contains("convoy plan --now --out FILE"))
            #expect(try await runConvoy(["plan", "--now", "--out", "now.json"], in: folder).exitCode == 0)
            let taken = try await runConvoy(["migrate", "--plan", "now.json", "--yes"], in: folder)
            #expect(taken.exitCode == 0, "\(taken.standardError)")
            for database in databases { #expect(try await Self.versions(database) == 2) }
        }
    }

    // MARK: stop --now

    /// The second migration holds for a minute; only a cancelled one ends in time.
    @Test(arguments: [[["stop", "--now"]], [["stop"], ["stop", "--now"]]])
    func stopNowCancelsTheMigrationInProgress(_ commands: [[String]]) async throws {
        var migrations = SmallSet.files
        migrations["Migrations/20200103000000_slow.sql"] =
            "-- migrate:up\nALTER TABLE cars ADD COLUMN colour text;\nSELECT pg_sleep(100);\n-- migrate:down\nSELECT 1;\n"
        try await PostgresServer.shared().withDatabases(2) { databases in
            try await withFleet(databases, migrations: migrations, waves: ["{name: all, max_parallel: 1}"]) { folder in
                let process = try ConvoyProcess(["migrate", "--yes", "--output", "json"], in: folder)
                process.closeInput()
                try await eventually("the slow one is in progress", within: .seconds(60)) {
                    try await databases[0].query(
                        "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'SELECT pg_sleep(100)%'"
                    ).onlyRow().int64("n") > 0
                }
                for command in commands {
                    let stop = try await runConvoy(command, in: folder)
                    #expect(stop.exitCode == 0, "\(stop.standardError)")
                    let isNow = command.contains("--now")
                    #expect(stop.standardError.contains("are cancelled and rolled back") == isNow, "\(stop.standardError)")
                }
                let result = try await process.result()
                #expect(result.exitCode == 130, "\(result.standardError)")
                let instances = try #require(try jsonObject(result)["instances"] as? [[String: Any]])
                #expect(instances.map { $0["outcome"] as? String } == ["interrupted", "pending"])
                #expect(try await Self.versions(databases[0]) == 2)
                let column = try await databases[0].query(
                    "SELECT count(*) AS n FROM information_schema.columns WHERE table_name = 'cars' AND column_name = 'colour'"
                ).onlyRow().int64("n")
                #expect(column == 0)
                #expect(try await Self.versions(databases[1]) == 0)
                #expect(try await runConvoy(["stop", "--now"], in: folder).exitCode == 64)
            }
        }
    }
}
