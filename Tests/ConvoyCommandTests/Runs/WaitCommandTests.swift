import ConvoyJournal
import ConvoyMigrations
import ConvoyRun
import Foundation
import TestSupport
import Testing

/// `convoy wait`, and what `convoy runs` says of a run that waits.
@Suite(.timeLimit(.minutes(3)))
struct WaitCommandTests {
    private static let run = RunID("20260101T000000Z-aaaaaa")

    /// A run whose lock is held, with two instances of which one has been migrated.
    private func withRun(_ body: (_ folder: String, _ journal: SQLiteJournal, _ lock: FileLock) async throws -> Void) async throws {
        try await withTemporaryFolder(files: Files.fleet()) { folder in
            let path = "\(folder)/.convoy/journal.sqlite"
            let journal = try await SQLiteJournal.open(path: path)
            let record = RunRecord(
                id: Self.run,
                fleet: "test",
                fleetFile: "fleet.yaml",
                change: .up(to: nil),
                instances: 2,
                startedAt: Date(),
                startedBy: "ann@host"
            )
            try await journal.begin(record, plan: Data())
            let waves = [PlannedWave(name: "canary", instances: ["alice"]), PlannedWave(name: "rest", instances: ["bob"])]
            try await append(
                .runStarted(run: Self.run.description, fleet: "test", waves: waves),
                .instanceStarted(instance: "alice", wave: "canary"),
                .instanceFinished(instance: "alice", result: InstanceResult(outcome: .migrated)),
                to: journal
            )
            let lock = try await FileLock.acquire(Self.run, journal: path)
            defer { lock.release() }
            try await body(folder, journal, lock)
        }
    }

    private func append(_ kinds: Event.Kind..., to journal: SQLiteJournal) async throws {
        try await journal.append(kinds.map { Event(at: Date(), $0) }, to: Self.run)
    }

    @Test(arguments: [
        (RunEnding.succeeded, Outcome.migrated, Int32(0)), (.failed, .failed, 1), (.halted, .failed, 2),
        (.interrupted, .interrupted, 130),
    ])
    func theEndOfARunGivesItsExitCode(_ ending: RunEnding, _ outcome: Outcome, _ code: Int32) async throws {
        try await withRun { folder, journal, _ in
            // By name: without one, a run that has ended before the process looks for it is not meant.
            let waiting = try ConvoyProcess(["wait", "latest"], in: folder)
            let failure = outcome.isGood ? nil : Failure(outcome, "no")
            try await append(
                .instanceStarted(instance: "bob", wave: "rest"),
                .instanceFinished(instance: "bob", result: InstanceResult(outcome: outcome, failure: failure)),
                to: journal
            )
            try await append(.runFinished(status: ending), to: journal)
            let result = try await waiting.result()
            #expect(result.exitCode == code, "\(result.standardError)")
            #expect(result.standardError.hasPrefix("run \(Self.run) \(ending.rawValue), "))
            #expect(result.standardOutput == "")
            // A run that has ended is reported at once.
            for goal in ["finished", "gate", "halted"] {
                let late = try await runConvoy(["wait", "latest", "--for", goal], in: folder)
                #expect(late.exitCode == code, "\(late.standardError)")
                #expect(late.standardError.contains("has ended and waits at no gate: \(ending.rawValue)") == (goal == "gate"))
                #expect(late.standardError.contains("has ended and is not halted") == (goal == "halted" && ending != .halted))
            }
        }
    }

    @Test func aGateAndAHaltAreWaitedFor() async throws {
        try await withRun { folder, journal, _ in
            let gate = try ConvoyProcess(["wait", "2026", "--for", "gate", "--timeout", "1h"], in: folder)
            let halt = try ConvoyProcess(["wait", "latest", "--for", "halted"], in: folder)
            try await append(.gateOpened(wave: "canary"), .gateWaiting(wave: "canary", reason: "an approval"), to: journal)
            let reached = try await gate.result()
            #expect(reached.exitCode == 0)
            #expect(reached.standardError.hasPrefix("run \(Self.run) waits at the gate of wave canary, for an approval, since "))
            try await append(.gateFailed(wave: "canary", reason: "no"), .halted(.gateFailed(wave: "canary", reason: "no")), to: journal)
            let halted = try await halt.result()
            #expect(halted.exitCode == 2)
            #expect(halted.standardError.hasPrefix("run \(Self.run) is halted: "))
        }
    }

    @Test func theTimeAndADeadProcessEndTheWait() async throws {
        try await withRun { folder, _, lock in
            for limit in ["100ms", "0"] {
                let late = try await runConvoy(["wait", "--for", "gate", "--timeout", limit], in: folder)
                #expect(late.exitCode == 75)
                #expect(late.standardError.contains("is still running after "))
                #expect(late.standardError.hasSuffix("it waits at no gate\n"))
            }
            let waiting = try ConvoyProcess(["wait", "latest"], in: folder)
            lock.release()
            let cutOff = try await waiting.result()
            #expect(cutOff.exitCode == 1)
            #expect(
                cutOff.standardError == """
                    run \(Self.run) cut off, 1 migrated, 1 pending
                    continue it with `convoy resume \(Self.run)`

                    """
            )
            // Without a name only an active run is meant.
            let none = try await runConvoy(["wait"], in: folder)
            #expect(none.exitCode == 64)
            #expect(none.standardError.contains("there is no active run"))
            for wrong in [["--for", "ever"], ["--timeout", "soon"], ["nowhere"]] {
                #expect(try await runConvoy(["wait"] + wrong, in: folder).exitCode == 64)
            }
        }
    }

    @Test func runsSayWhatARunWaitsForAndSinceWhen() async throws {
        try await withRun { folder, journal, _ in
            let opened = Date(timeIntervalSinceNow: -725)
            try await journal.append(
                [Event(at: opened, .gateOpened(wave: "canary")), Event(at: opened, .gateWaiting(wave: "canary", reason: "an approval"))],
                to: Self.run
            )
            try await append(
                .serverPaused(server: "eu-1", by: "bob@desk"),
                .windowClosed(until: Date(timeIntervalSinceNow: 7300)),
                to: journal
            )
            let table = try await runConvoy(["runs"], in: folder).standardOutput
            #expect(table.contains("running, gate canary 12 min +2"), "\(table)")
            #expect(table.contains("ann@host"))
            for arguments in [["runs"], ["runs", "show"]] {
                let json = try jsonObject(try await runConvoy(arguments + ["-o", "json"], in: folder))
                let run = (json["runs"] as? [[String: Any]])?.first ?? json
                let waiting = try #require(run["waiting"] as? [[String: Any]])
                #expect(waiting.map { $0["kind"] as? String } == ["gate", "maintenance-window", "paused-server"])
                #expect(waiting[0]["wave"] as? String == "canary" && waiting[0]["reason"] as? String == "an approval")
                #expect(waiting[2]["server"] as? String == "eu-1" && waiting[2]["by"] as? String == "bob@desk")
                #expect(run["started_by"] as? String == "ann@host")
            }
            try await append(.windowOpened, .serverResumed(server: "eu-1", by: "bob@desk"), .gatePassed(wave: "canary"), to: journal)
            let later = try await runConvoy(["runs"], in: folder).standardOutput
            #expect(later.contains("running  "), "\(later)")
        }
    }

    @Test func watchingARunEndsWithIt() async throws {
        try await withRun { folder, journal, _ in
            for arguments in [["--events"], ["-o", "json"]] {
                #expect(try await runConvoy(["runs", "show", "--watch"] + arguments, in: folder).exitCode == 64)
            }
            let lines = try ConvoyProcess(["runs", "show", "--watch", "1s"], in: folder)
            await lines.wait { $0.standardOutput.components(separatedBy: "as of ").count > 2 }
            let terminal = try TerminalProcess(["runs", "show", "--watch", "1s"], in: folder)
            await terminal.wait { $0.contains("refreshed every 1s") }
            try await append(.runFinished(status: .interrupted), to: journal)
            let end = try await lines.result()
            #expect(end.exitCode == 0)
            #expect(end.standardOutput.contains("of test interrupted: 1 migrated, 1 pending, "), "\(end.standardOutput)")
            let screen = await terminal.result()
            #expect(screen.status == .exited(0))
            // The last state stays on the main screen.
            let rest = try #require(screen.screen.components(separatedBy: "\u{1B}[?1049l").last)
            #expect(rest.contains("of test ") && rest.contains("1 migrated"), "\(rest)")
            #expect(screen.screen.contains("refreshed every 1s"))
        }
    }

    @Test func aRealRunIsFollowedFromAnotherProcess() async throws {
        try await PostgresServer.shared().withDatabases(2) { databases in
            let waves = ["{name: canary, names: [alice], gate: {approve: true}}", "{name: rest}"]
            try await withFleet(databases, waves: waves) { folder in
                let run = try ConvoyProcess(["migrate", "--yes"], in: folder)
                run.closeInput()
                await run.wait { $0.standardError.contains("wave canary: 1 instance") }
                let gate = try await runConvoy(["wait", "--for", "gate"], in: folder)
                #expect(gate.exitCode == 0, "\(gate.standardError)")
                #expect(try await runConvoy(["runs"], in: folder).standardOutput.contains("running, gate canary "))
                let waiting = try ConvoyProcess(["wait", "--timeout", "90s"], in: folder)
                #expect(try await runConvoy(["approve"], in: folder).exitCode == 0)
                #expect(try await run.result().exitCode == 0)
                let end = try await waiting.result()
                #expect(end.exitCode == 0, "\(end.standardError)")
                #expect(end.standardError.hasSuffix("succeeded, 2 migrated\n"))
            }
        }
    }
}
