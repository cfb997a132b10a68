import ConvoyJournal
import ConvoyMigrations
import ConvoyRun
import Foundation
import TestSupport
import Testing

/// `convoy top` on a real terminal, which is tmux.
@Suite(.timeLimit(.minutes(5)))
struct TopCommandTests {
    private static let run = RunID("20260101T000000Z-aaaaaa")
    private static let newest = MigrationVersion(20_200_101_000_000)

    /// A run whose lock is held: alice has been migrated, bob waits, the others were not reached.
    private func withRun(_ count: Int = 5, _ body: (_ folder: String, _ journal: SQLiteJournal, _ lock: FileLock) async throws -> Void)
        async throws
    {
        try await withTemporaryFolder(files: Files.fleet()) { folder in
            let path = "\(folder)/.convoy/journal.sqlite"
            let journal = try await SQLiteJournal.open(path: path)
            let others = (0..<max(0, count - 2)).map { "other\($0)" }
            let record = RunRecord(
                id: Self.run,
                fleet: "test",
                fleetFile: "fleet.yaml",
                change: .up(to: nil),
                instances: count,
                startedAt: Date(),
                startedBy: "ann@host"
            )
            try await journal.begin(record, plan: Data())
            let waves = [PlannedWave(name: "canary", instances: ["alice"]), PlannedWave(name: "rest", instances: ["bob"] + others)]
            let applied = AppliedMigration(version: Self.newest, direction: .up, duration: .milliseconds(12))
            try await append(
                .runStarted(run: Self.run.description, fleet: "test", waves: waves),
                .waveStarted(wave: "canary"),
                .instanceStarted(instance: "alice", wave: "canary"),
                .instancePlanned(instance: "alice", from: nil, pending: [Self.newest]),
                .instanceFinished(instance: "alice", result: InstanceResult(outcome: .migrated, to: Self.newest, applied: [applied])),
                .waveFinished(wave: "canary"),
                .waveStarted(wave: "rest"),
                .instanceStarted(instance: "bob", wave: "rest"),
                .instancePlanned(instance: "bob", from: nil, pending: [Self.newest]),
                .instanceWaiting(instance: "bob", reason: "migration \(Self.newest) waits for a lock; process 4711 (psql) holds it"),
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

    @Test func anInstanceIsFoundAndOpenedDownToItsStatement() async throws {
        try await withRun { folder, journal, _ in
            try await Tmux.with("top", in: folder) { terminal in
                let list = try await terminal.wait(for: "> bob", "1 of 5 instances, by state", "q quit")
                let lines = list.components(separatedBy: "\n")
                #expect(lines[0].hasPrefix("run \(Self.run) of test  running  "), "\(list)")
                #expect(lines[0].hasSuffix("1/5 done, 1 running"), "\(list)")
                #expect(lines[23].hasPrefix("q quit  / filter"), "\(list)")
                try await terminal.type("/ali")
                try await terminal.wait(for: "filter: ali_", "> alice")
                try await terminal.press("Escape")
                try await terminal.wait(for: "> alice", "5 instances, by state")
                try await terminal.press("Up", "Up", "Up", "Up", "Up", "Enter")
                try await terminal.wait(for: "waits: migration \(Self.newest) waits for a lock; process 4711 (psql)", "under way")
                try await terminal.press("Enter")
                try await terminal.wait(for: "Migrations/20200101000000_create_cars.sql, up section", "CREATE TABLE cars")
                // What happens meanwhile is shown, without a key.
                let applied = AppliedMigration(version: Self.newest, direction: .up, duration: .milliseconds(34))
                let result = InstanceResult(outcome: .migrated, to: Self.newest, applied: [applied])
                try await append(
                    .migrationApplied(instance: "bob", migration: applied),
                    .instanceFinished(instance: "bob", result: result),
                    to: journal
                )
                try await terminal.wait(for: "applied in 34 ms on bob")
                try await terminal.press("Escape")
                try await terminal.wait(for: "bob  migrated")
                try await terminal.press("Escape", "w")
                try await terminal.wait(for: "WAVE", "canary", "1/1", "1/4")
                try await append(.runFinished(status: .interrupted), to: journal)
                try await terminal.wait(for: "interrupted")
                try await terminal.press("q")
                try await terminal.wait(for: "ended with 0")
                #expect(try await !terminal.screen().contains("canary"))
            }
        }
    }

    @Test func theScreenFollowsTheTerminal() async throws {
        try await withRun(60) { folder, _, _ in
            try await Tmux.with("top", width: 80, height: 24, environment: ["COLUMNS": "40"], in: folder) { terminal in
                func others() async throws -> Int {
                    try await terminal.screen().components(separatedBy: "\n").count { $0.hasPrefix("  other") }
                }
                try await terminal.wait(for: "> bob", "other1 ")
                let few = try await others()
                #expect((12...18).contains(few), "\(few)")
                try await terminal.resize(width: 160, height: 50)
                try await terminal.wait(for: "VERSION", "↑↓ PgUp PgDn")
                try await eventually("there are more lines") { try await others() > few + 20 }
                let wide = try await terminal.screen().components(separatedBy: "\n")
                #expect(wide[49].hasPrefix("q quit"))
                #expect(wide.contains { $0.contains("migration \(Self.newest) waits for a lock; process 4711 (psql) holds it") })
                try await terminal.resize(width: 60, height: 10)
                try await eventually("there are few lines") { try await others() < 6 }
                try await terminal.wait(for: "> bob", "q quit")
                try await terminal.press("G")
                try await terminal.wait(for: "> alice", "60 of 60 instances")
            }
        }
    }

    @Test func theTerminalIsGivenBackAsItWas() async throws {
        try await withRun { folder, _, _ in
            for (keys, code) in [(["q"], 0), (["C-c"], 0), (["/", "C-c"], 0)] {
                try await Tmux.with("top", in: folder) { terminal in
                    try await terminal.wait(for: "> bob")
                    let raw = try await terminal.modes()
                    #expect(raw.contains("-icanon") && raw.contains("-echo ") && raw.contains("-isig"))
                    for key in keys { try await terminal.press(key) }
                    let screen = try await terminal.wait(for: "ended with \(code)")
                    #expect(!screen.contains("bob"))
                    let modes = try await terminal.modes()
                    for mode in ["-icanon", "-echo ", "-isig"] { #expect(modes.contains("icanon") && !modes.contains(mode), "\(modes)") }
                }
            }
        }
    }

    /// The id of the process that the shell on a terminal runs.
    private func child(of terminal: Tmux) async throws -> Int32 {
        let shell = try await terminal.processID()
        let path = "/proc/\(shell)/task/\(shell)/children"
        let children = try String(contentsOfFile: path, encoding: .utf8).split(separator: " ")
        return try #require(children.first.flatMap { Int32($0) })
    }

    private func isGone(_ process: Int32) -> Bool {
        guard let status = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8) else { return true }
        return status.contains(") Z ")
    }

    @Test(arguments: [SIGTERM, SIGINT, SIGHUP]) func aSignalGivesTheTerminalBack(_ signal: Int32) async throws {
        try await withRun { folder, _, _ in
            try await Tmux.with("top", in: folder) { terminal in
                try await terminal.wait(for: "> bob")
                kill(try await child(of: terminal), signal)
                try await terminal.wait(for: "ended with 130")
                #expect(try await terminal.modes().contains(" icanon"))
            }
        }
    }

    @Test func aProcessThatWasStoppedDrawsItsScreenAgain() async throws {
        try await withRun { folder, journal, _ in
            try await Tmux.with("top", in: folder) { terminal in
                try await terminal.wait(for: "> bob")
                let process = try await child(of: terminal)
                kill(process, SIGSTOP)
                try await append(.serverPaused(server: "eu-1", by: "ann@host"), to: journal)
                try await terminal.resize(width: 100, height: 30)
                kill(process, SIGCONT)
                try await terminal.wait(for: "paused: eu-1", "> bob")
                let lines = try await terminal.screen().components(separatedBy: "\n")
                #expect(lines[29].hasPrefix("q quit"))
            }
        }
    }

    @Test func aTerminalThatIsClosedEndsIt() async throws {
        try await withRun { folder, _, _ in
            try await Tmux.with("top", in: folder) { terminal in
                try await terminal.wait(for: "> bob")
                let process = try await child(of: terminal)
                try await terminal.close()
                try await eventually("the process has ended") { isGone(process) }
            }
        }
    }

    @Test func withoutATerminalItSaysWhatToUse() async throws {
        try await withRun { folder, _, _ in
            let result = try await runConvoy(["top"], in: folder)
            #expect(result.exitCode == 64)
            #expect(
                result.standardError == """
                    error: convoy top needs a terminal for its keys and its screen
                    hint: without one, `convoy runs show --watch` prints the run repeatedly, and `convoy wait` waits for it

                    """
            )
            let dumb = try await onTerminal(["top"], environment: ["TERM": "dumb"], in: folder)
            #expect(dumb.status == .exited(64))
        }
        try await withTemporaryFolder(files: Files.fleet()) { folder in
            let result = try await onTerminal(["top"], in: folder)
            #expect(result.status == .exited(64))
            #expect(result.screen.contains("there is no journal"))
        }
    }

    @Test func theActiveRunIsShownAndOthersAreFoundByName() async throws {
        try await withRun { folder, journal, lock in
            let later = RunID("20260102T000000Z-bbbbbb")
            let record = RunRecord(
                id: later,
                fleet: "test",
                fleetFile: "fleet.yaml",
                change: .up(to: nil),
                instances: 1,
                startedAt: Date() + 60,
                startedBy: "ann@host"
            )
            try await journal.begin(record, plan: Data())
            let waves = [PlannedWave(name: "all", instances: ["zoe"])]
            try await journal.append([Event(at: Date(), .runStarted(run: later.description, fleet: "test", waves: waves))], to: later)
            // The newer one has no process.
            try await Tmux.with("top", in: folder) { try await $0.wait(for: "run \(Self.run) of test  running", "> bob") }
            try await Tmux.with("top 20260102", in: folder) { try await $0.wait(for: "run \(later) of test  cut off", "> zoe") }
            try await Tmux.with("top latest", in: folder) { try await $0.wait(for: "run \(later) of test  cut off") }
            lock.release()
            try await Tmux.with("top", in: folder) { try await $0.wait(for: "run \(later) of test  cut off") }
            // A fleet file that is broken elsewhere does no harm.
            try writeFile("\(folder)/fleet.yaml", "version: 1\nfleet: test\ninstances: [{name: alice, hots: x}]\n")
            try await Tmux.with("top", in: folder) { terminal in
                try await terminal.wait(for: "run \(later) of test  cut off")
                try await terminal.press("q")
                try await terminal.wait(for: "warning: fleet.yaml:3: ", "ended with 0")
            }
            try await Tmux.with("top --journal .convoy/journal.sqlite 20260101", in: folder) { try await $0.wait(for: "> bob") }
            #expect(try await onTerminal(["top", "nowhere"], in: folder).status == .exited(64))
        }
    }

    @Test func aRunAtAGateIsApprovedAfterAQuestion() async throws {
        try await PostgresServer.shared().withDatabases(2) { databases in
            let waves = ["{name: canary, names: [alice], gate: {approve: true}}", "{name: rest}"]
            try await withFleet(databases, waves: waves) { folder in
                let run = try ConvoyProcess(["migrate", "--yes"], in: folder)
                run.closeInput()
                try await eventually("the run waits at its gate", within: .seconds(60)) {
                    try await runConvoy(["runs"], in: folder).standardOutput.contains("running, gate canary ")
                }
                // Without the option the key does nothing.
                try await Tmux.with("top", in: folder) { terminal in
                    try await terminal.wait(for: "gate of canary", "an approval")
                    try await terminal.press("a", "y")
                    try await terminal.press("a")
                    try await terminal.wait(for: "read-only: start convoy top with --allow-actions")
                }
                try await Tmux.with("top --allow-actions", width: 160, height: 50, in: folder) { terminal in
                    try await terminal.wait(for: "gate of canary", "a approve")
                    try await terminal.press("p")
                    try await terminal.wait(for: "pause server ", "[y/N]")
                    try await terminal.press("y")
                    try await terminal.wait(for: "is paused; instances in progress finish", "  paused: ")
                    try await terminal.press("p")
                    try await terminal.wait(for: "resume server ", "[y/N]")
                    try await terminal.press("y")
                    try await terminal.wait(for: "is resumed")
                    try await terminal.press("a")
                    try await terminal.wait(for: "approve the gate of wave canary? [y/N]")
                    try await terminal.press("n")
                    try await terminal.wait(for: "not confirmed; nothing was requested", "gate of canary")
                    try await terminal.press("a", "y")
                    try await terminal.wait(for: "succeeded", "2/2 done")
                    try await terminal.press("x")
                    try await terminal.wait(for: "the run is not active")
                    try await terminal.press("q")
                    try await terminal.wait(for: "ended with 0")
                }
                #expect(try await run.result().exitCode == 0)
                let events = try await runConvoy(["runs", "show", "--events"], in: folder).standardOutput
                #expect(events.contains("paused by ") && events.contains("resumed by ") && events.contains("approved by "))
            }
        }
    }

    @Test func aRunIsStopped() async throws {
        try await PostgresServer.shared().withDatabases(2) { databases in
            let waves = ["{name: canary, names: [alice], gate: {approve: true}}", "{name: rest}"]
            try await withFleet(databases, waves: waves) { folder in
                let run = try ConvoyProcess(["migrate", "--yes"], in: folder)
                run.closeInput()
                try await eventually("the run waits at its gate", within: .seconds(60)) {
                    try await runConvoy(["runs"], in: folder).standardOutput.contains("running, gate canary ")
                }
                try await Tmux.with("top --allow-actions", in: folder) { terminal in
                    try await terminal.wait(for: "gate of canary", "x stop")
                    try await terminal.press("x")
                    try await terminal.wait(for: "stop the run: instances in progress finish, and nothing new starts? [y/N]")
                    try await terminal.press("y")
                    try await terminal.wait(for: "interrupted")
                }
                #expect(try await run.result().exitCode == 130)
            }
        }
    }
}
