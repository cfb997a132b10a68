import ConvoyJournal
import ConvoyMigrations
import ConvoyRollout
import ConvoyRun
import Foundation
import TestSupport
import Testing

/// `convoy runs` and `convoy runs show`: they only read, whatever else happens to the journal.
@Suite(.timeLimit(.minutes(2)))
struct RunsCommandTests {
    /// A fleet whose journal has two runs: the older one has ended, the newer one has not.
    private func withRuns(_ body: (_ folder: String, _ journal: SQLiteJournal) async throws -> Void) async throws {
        try await withTemporaryFolder(files: Files.fleet()) { folder in
            let journal = try await SQLiteJournal.open(path: "\(folder)/.convoy/journal.sqlite")
            try await journal.begin(record("20260101T000000Z-aaaaaa", at: Date(timeIntervalSince1970: 1_767_225_600)), plan: Data())
            try await journal.append(
                events("20260101T000000Z-aaaaaa") + [event(.runFinished(status: .failed))],
                to: RunID("20260101T000000Z-aaaaaa")
            )
            try await journal.begin(record("20260102T000000Z-bbbbbb", at: Date(timeIntervalSince1970: 1_767_312_000)), plan: Data())
            try await journal.append(events("20260102T000000Z-bbbbbb"), to: RunID("20260102T000000Z-bbbbbb"))
            try await body(folder, journal)
        }
    }

    private func record(_ id: String, fleet: String = "test", at date: Date) -> RunRecord {
        RunRecord(
            id: RunID(id),
            fleet: fleet,
            fleetFile: "fleet.yaml",
            change: .up(to: nil),
            instances: 2,
            startedAt: date,
            startedBy: "ann@host"
        )
    }

    private func event(_ kind: Event.Kind) -> Event { Event(at: Date(timeIntervalSince1970: 1_767_225_660), kind) }

    private func events(_ run: String) -> [Event] {
        let waves = [PlannedWave(name: "canary", instances: ["alice"]), PlannedWave(name: "rest", instances: ["bob"])]
        let failure = Failure(.failed, "division by zero", version: MigrationVersion(20_200_101_000_000), sqlstate: "22012")
        return [
            event(.runStarted(run: run, fleet: "test", waves: waves)),
            event(.waveStarted(wave: "canary")),
            event(.instanceStarted(instance: "alice", wave: "canary")),
            event(.instanceFinished(instance: "alice", result: InstanceResult(outcome: .failed, failure: failure))),
        ]
    }

    @Test func withoutAJournalThereAreNoRunsAndNoneIsMade() async throws {
        try await withTemporaryFolder(files: Files.fleet()) { folder in
            let list = try await runConvoy(["runs"], in: folder)
            #expect(list.exitCode == 0)
            #expect(list.standardOutput == "no runs yet in .convoy/journal.sqlite\n")
            let json = try await runConvoy(["runs", "--output", "json"], in: folder)
            #expect(json.exitCode == 0)
            #expect(json.standardOutput.contains("\"runs\": []"))
            #expect(try await runConvoy(["runs", "show"], in: folder).exitCode == 64)
            #expect(!FileManager.default.fileExists(atPath: "\(folder)/.convoy"))
        }
    }

    @Test func aRunWithoutAnEndIsRunningWhileItsLockIsHeldAndCutOffAfter() async throws {
        try await withRuns { folder, _ in
            let lock = try await FileLock.acquire(RunID("20260102T000000Z-bbbbbb"), journal: "\(folder)/.convoy/journal.sqlite")
            let running = try await runConvoy(["runs"], in: folder)
            #expect(running.exitCode == 0)
            let lines = running.standardOutput.split(separator: "\n")
            #expect(lines.count == 3)
            #expect(lines[1].contains("20260102T000000Z-bbbbbb"))
            #expect(lines[1].contains("running"))
            #expect(lines[2].contains("failed"))
            #expect(lines[2].hasSuffix("1 pending, 1 failed"))
            #expect(try await runConvoy(["runs", "show"], in: folder).standardOutput.contains("of test running: 1 pending, 1 failed"))
            lock.release()

            let cutOff = try await runConvoy(["runs", "--limit", "1"], in: folder).standardOutput
            #expect(cutOff.contains("cut off"))
            #expect(cutOff.contains("`convoy resume 20260102T000000Z-bbbbbb`"))
            #expect(!cutOff.contains("aaaaaa"))
            let json = try await runConvoy(["runs", "show", "latest", "--output", "json"], in: folder).standardOutput
            #expect(json.contains("\"status\": \"cut-off\""))
            #expect(json.contains("\"sqlstate\": \"22012\""))
        }
    }

    @Test func aRunIsShownAsItsOwnReport() async throws {
        try await withRuns { folder, _ in
            let table = try await runConvoy(["runs", "show", "20260101"], in: folder)
            #expect(table.exitCode == 0)
            #expect(table.standardError == "")
            #expect(table.standardOutput.contains("division by zero"))
            #expect(table.standardOutput.hasSuffix("run 20260101T000000Z-aaaaaa of test failed: 1 pending, 1 failed, 0 ms\n"))

            let lines = try await runConvoy(["runs", "show", "20260101", "--events"], in: folder).standardOutput
            #expect(
                lines == """
                    00:01:00 run 20260101T000000Z-aaaaaa of test: 2 instances in 2 waves
                    00:01:00 wave canary: 1 instance
                    00:01:00 alice: failed: 20200101000000: division by zero (SQLSTATE 22012)
                    00:01:00 run failed after 0 ms

                    """
            )
            let json = try await runConvoy(["runs", "show", "20260101", "--events", "--output", "json"], in: folder).standardOutput
            let types = try json.split(separator: "\n").map { line in
                try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])["type"] as? String
            }
            #expect(types == ["run_started", "wave_started", "instance_started", "instance_finished", "run_finished"])
        }
    }

    @Test(arguments: [("2026", "several"), ("2027", "no run “2027”"), ("%", "no run")])
    func aRunThatIsNotOneIsAMistakeInTheCommandLine(_ text: String, _ expected: String) async throws {
        try await withRuns { folder, _ in
            let result = try await runConvoy(["runs", "show", text], in: folder)
            #expect(result.exitCode == 64)
            #expect(result.standardError.contains(expected))
            #expect(result.standardOutput == "")
        }
    }

    @Test func anotherJournalNeedsNoFleetFile() async throws {
        try await withRuns { folder, _ in
            let elsewhere = try await runConvoy(["runs", "--journal", "\(folder)/.convoy/journal.sqlite"], in: "/")
            #expect(elsewhere.exitCode == 0)
            #expect(elsewhere.standardOutput.contains("bbbbbb"))
        }
    }

    @Test func runsOfAnotherFleetInTheSameJournalAreLeftOut() async throws {
        try await withRuns { folder, journal in
            try await journal.begin(record("20260103T000000Z-cccccc", fleet: "other", at: Date()), plan: Data())
            #expect(try await !runConvoy(["runs"], in: folder).standardOutput.contains("cccccc"))
            let all = try await runConvoy(["runs", "--journal", ".convoy/journal.sqlite"], in: folder)
            #expect(all.standardOutput.contains("cccccc"))
        }
    }

    @Test func itReadsWhileARunWrites() async throws {
        try await withRuns { folder, journal in
            let run = RunID("20260102T000000Z-bbbbbb")
            let writing = Task {
                var count = 0
                while !Task.isCancelled {
                    try await journal.append([Event(at: Date(), .instanceWarned(instance: "bob", message: "\(count)"))], to: run)
                    count += 1
                }
                return count
            }
            for _ in 0..<3 {
                let shown = try await runConvoy(["runs", "show", "--events"], in: folder)
                #expect(shown.exitCode == 0)
                #expect(shown.standardError == "")
                let warnings = shown.standardOutput.split(separator: "\n").filter { $0.contains("warning") }
                #expect(warnings.enumerated().allSatisfy { $1.hasSuffix("bob: warning: \($0)") })
            }
            writing.cancel()
            #expect(try await writing.value > 0)
        }
    }

    @Test func aJournalThatCannotBeReadIsTold() async throws {
        try await withTemporaryFolder(files: Files.fleet().merging([".convoy/journal.sqlite": "no journal at all"]) { first, _ in first }) {
            folder in
            for arguments in [["runs"], ["runs", "show"]] {
                let result = try await runConvoy(arguments, in: folder)
                #expect(result.exitCode == 78)
                #expect(result.standardError.contains("error: journal .convoy/journal.sqlite: this file is not a journal"))
                #expect(result.standardError.contains("hint: "))
            }
        }
        try await withRuns { folder, _ in
            try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: "\(folder)/fleet.yaml")
            let result = try await runConvoyUnprivileged(["runs"], in: folder)
            #expect(result.exitCode == 78)
            #expect(result.standardError.contains("error: journal "), "\(result.standardError)")
            #expect(result.standardError.contains("by this user"))
        }
    }
}
