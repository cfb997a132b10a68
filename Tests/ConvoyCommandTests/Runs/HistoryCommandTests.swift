import Foundation
import TestSupport
import Testing

/// `convoy runs show`, `durations` and `compare` on journals of real runs.
@Suite(.timeLimit(.minutes(2)))
struct HistoryCommandTests {
    /// Two runs over three databases: bob's narrowing fails in the first, and carol comes only with the second, before which bob is put right.
    private func withTwoRuns(_ body: (_ folder: String, _ runs: [String]) async throws -> Void) async throws {
        try await PostgresServer.shared().withDatabases(3) { databases in
            try await withFleet(databases, migrations: SmallSet.files.merging(SmallSet.narrowing) { $1 }) { folder in
                try await databases[1].execute([
                    "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, inserted_at timestamp(0))",
                    "CREATE TABLE cars (id bigint PRIMARY KEY, plate text)",
                    "INSERT INTO schema_migrations VALUES (20200101000000, now()), (20200102000000, now())",
                    "INSERT INTO cars VALUES (12345678901, 'x')",
                ])
                #expect(try await runConvoy(["migrate", "--yes", "--select", "name!=carol"], in: folder).exitCode == 1)
                try await databases[1].execute(["DELETE FROM cars"])
                #expect(try await runConvoy(["migrate", "--yes"], in: folder).exitCode == 0)
                let list = try jsonObject(try await runConvoy(["runs", "--output", "json"], in: folder))
                let runs = try #require(list["runs"] as? [[String: Any]]).reversed().compactMap { $0["run"] as? String }
                try await body(folder, runs)
            }
        }
    }

    @Test func aRunIsShownWithFailuresAndDurations() async throws {
        try await withTwoRuns { folder, runs in
            let table = try await runConvoy(["runs", "show", runs[0]], in: folder)
            #expect(table.exitCode == 0)
            #expect(table.standardError == "")
            for expected in [
                "\nMIGRATION       NAME         INSTANCES", "\n20200103000000  narrow_ids           1", "\nfailed: bob\n",
                "\n  first seen: 20", "Z, in wave all\n    ALTER TABLE cars\n      ALTER COLUMN id TYPE integer\n",
                "\n  hint: a value is too large for the type of its column",
            ] {
                #expect(table.standardOutput.contains(expected), "\(expected)")
            }
            let run = try jsonObject(try await runConvoy(["runs", "show", runs[0], "--output", "json"], in: folder))
            let migrations = try #require(run["migrations"] as? [[String: Any]])
            #expect(migrations.map { $0["version"] as? String } == ["20200101000000", "20200102000000", "20200103000000"])
            #expect(migrations.map { $0["slowest"] as? String } == ["alice", "alice", "alice"])
            let failure = try #require((run["failures"] as? [[String: Any]])?.first)
            #expect(failure["waves"] as? [String] == ["all"])
            #expect((failure["first_seen"] as? String)?.hasSuffix("Z") == true)
            #expect((failure["example"] as? [String: Any])?["line"] as? Int == 3)
        }
    }

    @Test func durationsOfTheNewestRunsOrOfThoseThatAreNamed() async throws {
        try await withTwoRuns { folder, runs in
            func counts(_ arguments: String...) async throws -> [String: Int] {
                let result = try await runConvoy(["runs", "durations", "--output", "json"] + arguments, in: folder)
                #expect(result.exitCode == 0, "\(result.standardError)")
                let migrations = try #require(try jsonObject(result)["migrations"] as? [[String: Any]])
                return try migrations.reduce(into: [:]) { counts, migration in
                    #expect(migration["name"] is String)
                    let (median, longest) = (try #require(migration["p50"] as? Double), try #require(migration["max"] as? Double))
                    #expect(median > 0 && median <= longest)
                    counts[try #require(migration["version"] as? String)] = migration["instances"] as? Int
                }
            }
            #expect(try await counts() == ["20200101000000": 2, "20200102000000": 2, "20200103000000": 3])
            #expect(try await counts("--last", "1") == ["20200101000000": 1, "20200102000000": 1, "20200103000000": 2])
            #expect(try await counts(runs[0]) == ["20200101000000": 1, "20200102000000": 1, "20200103000000": 1])
            #expect(try await counts(runs[0], runs[0], "latest") == ["20200101000000": 2, "20200102000000": 2, "20200103000000": 3])

            let table = try await runConvoy(["runs", "durations"], in: folder).standardOutput.split(separator: "\n")
            #expect(table.first?.hasPrefix("MIGRATION       NAME         INSTANCES") == true)
            #expect(table.last == "3 migrations, from 2 runs in .convoy/journal.sqlite")
            // Without the fleet file the names are not known.
            let elsewhere = try await runConvoy(["runs", "durations", "--journal", "\(folder)/.convoy/journal.sqlite"], in: "/")
            #expect(elsewhere.exitCode == 0)
            #expect(elsewhere.standardOutput.contains("20200103000000  -             3"))
        }
    }

    @Test func twoRunsAreCompared() async throws {
        try await withTwoRuns { folder, runs in
            let table = try await runConvoy(["runs", "compare", runs[0], "latest"], in: folder)
            #expect(table.exitCode == 0)
            for expected in [
                "\nfirst   \(runs[0])", "\nsecond  \(runs[1])", "\ngone: failed: bob\n", "\nfailed    migrated            1  bob\n",
                "\nmigrated  up-to-date          1  alice\n", "\n2 instances in both runs, 2 ended differently; 1 only in the second\n",
                "\nfailures: 1 gone, 0 new, 0 in both\n",
            ] {
                #expect(table.standardOutput.contains(expected), "\(expected)")
            }
            let json = try jsonObject(try await runConvoy(["runs", "compare", runs[0], "--output", "json"], in: folder))
            #expect(json["schema"] as? String == "convoy.comparison/1")
            #expect((json["first"] as? [String: Any])?["run"] as? String == runs[0])
            #expect((json["second"] as? [String: Any])?["run"] as? String == runs[1])
            let instances = try #require(json["instances"] as? [String: Any])
            #expect(instances["only_in_second"] as? [String] == ["carol"])
            #expect((json["migrations"] as? [[String: Any]])?.count == 3)
        }
    }

    @Test func mistakesInTheCommandLine() async throws {
        try await withTwoRuns { folder, runs in
            for (arguments, expected) in [
                (["compare", "latest"], "are the same run"), (["compare", runs[0], "2019"], "there is no run “2019”"),
                (["compare"], "Missing expected argument"), (["durations", "2019"], "there is no run “2019”"),
                (["durations", "--last", "0"], "--last must be at least 1"),
                (["durations", runs[0], "--last", "2"], "--last cannot be combined with run ids"),
            ] {
                let result = try await runConvoy(["runs"] + arguments, in: folder)
                #expect(result.exitCode == 64, "\(arguments)")
                #expect(result.standardOutput == "", "\(arguments)")
                #expect(result.standardError.contains(expected), "\(arguments): \(result.standardError)")
            }
        }
    }

    @Test func withoutAJournalNothingWasApplied() async throws {
        try await withTemporaryFolder(files: Files.fleet()) { folder in
            let durations = try await runConvoy(["runs", "durations"], in: folder)
            #expect(durations.exitCode == 0)
            #expect(durations.standardOutput == "no migration was applied in 0 runs in .convoy/journal.sqlite\n")
            #expect(try await runConvoy(["runs", "durations", "latest"], in: folder).exitCode == 64)
            #expect(try await runConvoy(["runs", "compare", "a", "b"], in: folder).exitCode == 64)
            #expect(!FileManager.default.fileExists(atPath: "\(folder)/.convoy"))
        }
    }
}
