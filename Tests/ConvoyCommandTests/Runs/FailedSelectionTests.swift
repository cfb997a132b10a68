import ConvoyPostgres
import Foundation
import TestSupport
import Testing

@testable import convoy

/// `--failed` and `--outcome`: instances chosen by how an earlier run ended for them.
@Suite(.timeLimit(.minutes(5)))
struct FailedSelectionTests {
    private static let migrations = SmallSet.files.merging(SmallSet.narrowing) { $1 }

    /// A fleet whose instances are at the second migration; `bob` and `carol` have a row that the third one fails on.
    private func withTroubledFleet(_ body: (_ folder: String, _ databases: [TestDatabase]) async throws -> Void) async throws {
        try await PostgresServer.shared().withDatabases(3) { databases in
            try await withFleet(databases, migrations: Self.migrations) { folder in
                let first = try await runConvoy(["migrate", "--to", "20200102000000", "--yes"], in: folder)
                #expect(first.exitCode == 0, "\(first.standardError)")
                for database in databases.dropFirst() { try await spoil(database) }
                try await body(folder, databases)
            }
        }
    }

    private func spoil(_ database: TestDatabase) async throws {
        try await database.query("INSERT INTO cars (id) VALUES (9223372036854775807)")
    }

    private func fix(_ database: TestDatabase) async throws {
        try await database.query("DELETE FROM cars")
    }

    private func names(_ result: ConvoyResult) throws -> [String] {
        try #require(try jsonObject(result)["instances"] as? [[String: Any]]).compactMap { $0["name"] as? String }
    }

    private func run(_ result: ConvoyResult) throws -> String { try #require(try jsonObject(result)["run"] as? String) }

    @Test func whatFailedIsTriedAgainAndNothingElse() async throws {
        try await withTroubledFleet { folder, databases in
            let failing = try await runConvoy(["migrate", "--yes", "--output", "json"], in: folder)
            #expect(failing.exitCode == 1)
            let run = try run(failing)
            try await fix(databases[1])

            let plan = try await runConvoy(["plan", "--failed", "--output", "json"], in: folder)
            #expect(try names(plan) == ["bob", "carol"])
            let chosen = try #require(try jsonObject(plan)["chosen_by"] as? [String: Any])
            #expect(chosen["run"] as? String == run)
            #expect(chosen["instances"] as? Int == 2)
            let shown = try await runConvoy(["plan", "--failed"], in: folder)
            #expect(shown.standardOutput.contains("selected: 2 instances that did not end well in run \(run)"), "\(shown.standardOutput)")

            let one = try await runConvoy(["migrate", "--failed", "--select", "name!=carol", "--yes", "--output", "json"], in: folder)
            #expect(one.exitCode == 0, "\(one.standardError)")
            #expect(try names(one) == ["bob"])
            // The newest run has no failure, so that the first one has to be named.
            let none = try await runConvoy(["migrate", "--failed", "--yes"], in: folder)
            #expect(none.exitCode == 0)
            #expect(none.standardError.contains("no selected instance ended badly in run"), "\(none.standardError)")
            #expect(none.standardOutput.contains("nothing is pending, so no run was started"))

            // Of its random digits as well: another run may have begun in the same second.
            for words in [["--failed", run], ["--failed=\(run)"], ["--failed-in", String(run.dropLast())]] {
                let result = try await runConvoy(["plan"] + words + ["--output", "json"], in: folder)
                #expect(try names(result) == ["bob", "carol"], "\(words): \(result.standardError)")
            }
            try await fix(databases[2])
            let rest = try await runConvoy(["migrate", "--failed", run, "--yes", "--output", "json"], in: folder)
            #expect(rest.exitCode == 0)
            #expect(try names(rest) == ["bob", "carol"])
        }
    }

    @Test func outcomesAreChosenByName() async throws {
        try await withTroubledFleet { folder, _ in
            let failing = try await runConvoy(["migrate", "--yes", "--output", "json"], in: folder)
            let migrated = try await runConvoy(
                ["rollback", "--run", "latest", "--outcome", "migrated", "--dry-run", "--output", "json"],
                in: folder
            )
            #expect(try names(migrated) == ["alice"], "\(migrated.standardError)")
            let both = try await runConvoy(
                ["plan", "--failed", try run(failing), "--outcome", "failed,migrated", "--output", "json"],
                in: folder
            )
            #expect(try names(both) == ["alice", "bob", "carol"])
            let table = try await runConvoy(["plan", "--outcome", "failed,blocked"], in: folder)
            #expect(table.standardOutput.contains("2 instances that ended as failed or blocked in run"), "\(table.standardOutput)")
        }
    }

    /// The plan names the instances: what failed since does not change it.
    @Test func aPlanFileNamesTheInstances() async throws {
        try await withTroubledFleet { folder, databases in
            _ = try await runConvoy(["migrate", "--yes"], in: folder)
            #expect(try await runConvoy(["plan", "--failed", "--out", "plan.json"], in: folder).exitCode == 0)
            let text = try String(contentsOfFile: "\(folder)/plan.json", encoding: .utf8)
            #expect(text.contains("name in (bob,carol)"), "\(text)")
            for database in databases.dropFirst() { try await fix(database) }
            let result = try await runConvoy(["migrate", "--plan", "plan.json", "--yes", "--output", "json"], in: folder)
            #expect(result.exitCode == 0, "\(result.standardError)")
            #expect(try names(result) == ["bob", "carol"])
        }
    }

    @Test func whatCannotChooseIsRefused() async throws {
        try await withDatabase { database in
            try await withFleet([database]) { folder in
                let nothing = try await runConvoy(["migrate", "--failed", "--yes"], in: folder)
                #expect(nothing.exitCode == 64)
                #expect(
                    nothing.standardError.contains("there is no journal") || nothing.standardError.contains("the fleet has no run yet")
                )
                let first = try await runConvoy(["migrate", "--yes", "--output", "json"], in: folder)
                let run = try run(first)
                let unknown = try await runConvoy(["plan", "--failed", "20991231"], in: folder)
                #expect(unknown.exitCode == 64)
                #expect(unknown.standardError.contains("there is no run “20991231”"), "\(unknown.standardError)")
                let file = URL(filePath: "\(folder)/fleet.yaml")
                let text = try String(contentsOf: file, encoding: .utf8)
                try text.replacing("fleet: test", with: "fleet: other").write(to: file, atomically: true, encoding: .utf8)
                let foreign = try await runConvoy(["plan", "--failed", run], in: folder)
                #expect(foreign.exitCode == 64)
                #expect(
                    foreign.standardError.contains("is a run of the fleet test, and this is the fleet other"),
                    "\(foreign.standardError)"
                )
                let none = try await runConvoy(["plan", "--failed"], in: folder)
                #expect(none.exitCode == 64)
                #expect(none.standardError.contains("the fleet has no run yet"), "\(none.standardError)")
            }
        }
    }

    @Test func aWaveOfARollback() async throws {
        try await PostgresServer.shared().withDatabases(2) { databases in
            try await withFleet(databases, waves: ["{name: canary, names: [bob]}", "{name: rest}"]) { folder in
                #expect(try await runConvoy(["migrate", "--yes"], in: folder).exitCode == 0)
                let result = try await runConvoy(["rollback", "--steps", "1", "--wave", "canary", "--yes", "--output", "json"], in: folder)
                #expect(result.exitCode == 0, "\(result.standardError)")
                #expect(try names(result) == ["bob"])
                let unknown = try await runConvoy(["rollback", "--steps", "1", "--wave", "canari", "--yes"], in: folder)
                #expect(unknown.exitCode == 64)
                #expect(unknown.standardError.contains("did you mean canary?"))
                let status = try await runConvoy(["status", "--output", "json"], in: folder)
                let instances = try #require(try jsonObject(status)["instances"] as? [[String: Any]])
                #expect(instances.map { $0["version"] as? String } == ["20200102000000", "20200101000000"])
            }
        }
    }

    @Test func aPlanOfOneWaveIsRunAsItWasPlanned() async throws {
        try await PostgresServer.shared().withDatabases(2) { databases in
            try await withFleet(databases, waves: ["{name: canary, names: [bob]}", "{name: rest}"]) { folder in
                let plan = try await runConvoy(["plan", "--wave", "canary", "--out", "plan.json", "--output", "json"], in: folder)
                #expect(plan.exitCode == 0, "\(plan.standardError)")
                #expect(try names(plan) == ["bob"])
                let unknown = try await runConvoy(["plan", "--wave", "canari"], in: folder)
                #expect(unknown.exitCode == 64)
                #expect(unknown.standardError.contains("did you mean canary?"), "\(unknown.standardError)")
                let run = try await runConvoy(["migrate", "--plan", "plan.json", "--yes", "--output", "json"], in: folder)
                #expect(run.exitCode == 0, "\(run.standardError)")
                #expect(try names(run) == ["bob"])
                let whole = try await runConvoy(["plan", "--check", "--output", "json"], in: folder)
                #expect(whole.exitCode == 3)
                let once = try await runConvoy(["migrate", "--plan", "plan.json", "--wave", "canary", "--yes"], in: folder)
                #expect(once.exitCode == 64)
            }
        }
    }

    // MARK: The words on the command line

    @Test(arguments: [
        (["migrate", "--failed"], ["migrate", "--failed"]),
        (["migrate", "--failed", "--yes"], ["migrate", "--failed", "--yes"]),
        (["migrate", "--failed", "2026", "--yes"], ["migrate", "--failed-in", "2026", "--yes"]),
        (["plan", "--failed=2026"], ["plan", "--failed-in=2026"]),
        (["rollback", "--", "--failed", "x"], ["rollback", "--", "--failed", "x"]),
        (["report", "--failed", "x"], ["report", "--failed", "x"]),
        ([], []),
    ])
    func aWordAfterFailedIsTheRun(words: [String], resolved: [String]) {
        #expect(EarlierOptions.resolving(words) == resolved)
    }

    @Test(arguments: [
        ["migrate", "--failed", "--outcome", "failed"], ["migrate", "--failed", "--failed-in", "x"], ["migrate", "--outcome", "faled"],
        ["migrate", "--failed", "--plan", "p.json"], ["migrate", "--failed-in"],
    ])
    func combinationsThatMeanNothingAreRefused(_ words: [String]) async throws {
        let result = try await runConvoy(words)
        #expect(result.exitCode == 64)
        #expect(!result.standardError.contains("fleet.yaml"), "\(result.standardError)")
    }
}
