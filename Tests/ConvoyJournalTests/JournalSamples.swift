import ConvoyFleet
import ConvoyJournal
import ConvoyMigrations
import ConvoyRollout
import ConvoyRun
import FoundationEssentials

/// 2026-08-08T09:00:00Z and some seconds.
func moment(_ seconds: Double = 0) -> Date { Date(timeIntervalSince1970: 1_786_179_600 + seconds) }

enum JournalSamples {
    static let version = MigrationVersion(20_260_808_090_000)
    static let older = MigrationVersion(20_260_807_090_000)
    /// Longer than a JSON number keeps.
    static let longest = MigrationVersion(.max)

    static let applied = AppliedMigration(version: version, direction: .up, duration: .microseconds(12_345))

    static let failure = Failure(
        .failed,
        "numeric field overflow",
        version: longest,
        file: "Migrations/20260808090000_narrow_charges.sql",
        line: 7,
        statement: "ALTER TABLE \"charges\"\n\tALTER COLUMN power TYPE numeric(8,2)",
        sqlstate: "22003",
        detail: "A field with precision 8 … \u{1B}[2J\u{202E}\u{0}😀",
        hint: "correct the rows",
        lockedBy: LockHolder(pid: 4711, application: "psql", address: nil, since: "2026-08-08T08:00:00Z")
    )

    /// Every kind of event, with what is absent and what is there.
    static let kinds: [Event.Kind] = [
        .runStarted(
            run: "r-1",
            fleet: "teslamate-eu",
            waves: [PlannedWave(name: "canary", instances: ["alice"]), PlannedWave(name: "rest", instances: [])]
        ),
        .waveStarted(wave: "canary"),
        .instanceStarted(instance: "alice", wave: "canary"),
        .instancePlanned(instance: "alice", from: older, pending: [version, longest]),
        .instancePlanned(instance: "alice", from: nil, pending: []),
        .instanceWaiting(instance: "alice", reason: "pid 4711 (psql) holds the lock"),
        .instanceWaiting(
            instance: "alice",
            reason: "process 4711 holds it",
            facts: WaitFacts(
                blockers: [
                    LockHolder(pid: 4711, application: "ps\u{1B}ql", address: "10.0.0.7", since: nil, kind: .session, role: "ann"),
                    LockHolder(pid: 0, application: "", address: nil, since: nil, kind: .preparedTransaction, transaction: "tx\n1"),
                ],
                statement: "ALTER TABLE \"charges\"\n\tADD COLUMN x int",
                line: 7
            )
        ),
        .migrationApplied(instance: "alice", migration: applied),
        .migrationApplied(instance: "alice", migration: AppliedMigration(version: older, direction: .down, duration: .seconds(3600))),
        .instanceProgress(
            instance: "alice",
            activity: ServerActivity(command: "CREATE INDEX", relation: "drives", phase: "building index", done: 7, total: 9)
        ),
        .instanceProgress(instance: "alice", activity: ServerActivity(command: "VACUUM", phase: "initializing")),
        .instanceProgress(instance: "alice", activity: nil),
        .instanceWarned(instance: "al\"ice\\\u{1}", message: "zwei\nZeilen"),
        .instanceFinished(
            instance: "alice",
            result: InstanceResult(outcome: .failed, from: older, to: nil, applied: [applied], failure: failure)
        ),
        .instanceFinished(instance: "bob", result: InstanceResult(outcome: .upToDate)),
        .instanceFinished(instance: "carol", result: InstanceResult(outcome: .unreachable, failure: Failure(.unreachable, ""))),
        .waveFinished(wave: "canary"),
        .traceJoined(parent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        .rollbackStarted(instance: "alice", wave: "canary"),
        .rollbackFinished(instance: "alice", result: InstanceResult(outcome: .rolledBack, from: older, to: older, applied: [applied])),
        .gateOpened(wave: "canary"),
        .gateWaiting(wave: "canary", reason: "soaking for 10 min"),
        .approved(wave: "canary", by: "ann@db-tools"),
        .gatePassed(wave: "canary"),
        .gateFailed(wave: "canary", reason: "check cars-readable gave f"),
        .hookFinished(
            HookResult(
                point: .beforeInstance,
                wave: "canary",
                instance: "alice",
                duration: .milliseconds(1),
                problem: "exit code 1",
                output: "no\n"
            )
        ),
        .hookFinished(HookResult(point: .afterRun, wave: nil, instance: nil, duration: .zero, problem: nil, output: "")),
        .serverPaused(server: "eu-1", by: "ann@db-tools"),
        .serverResumed(server: "eu-1", by: "ann@db-tools"),
        .budgetChanged(server: "eu-1", connections: 3),
        .windowClosed(until: moment(3600.007)),
        .windowOpened,
        .runResumed(by: "ann@db-tools"),
        .halted(.failures(wave: "rest", limit: 2, instances: ["alice", "bob"])),
        .halted(.failurePercent(wave: "rest", limit: 2.5, count: 40, instances: ["alice"])),
        .halted(.sameFailure(wave: "rest", limit: 3, fingerprint: "00ff00ff00ff00ff", instances: ["alice", "bob", "carol"])),
        .halted(.unreachablePercent(wave: "rest", limit: 50, count: 2, instances: ["alice"])),
        .halted(.nothingReached(wave: "rest")),
        .halted(.onFailure(wave: "rest", policy: .rollbackWave, instance: "alice")),
        .halted(.gateFailed(wave: "rest", reason: "check cars-readable gave f")),
        .halted(.notApproved(wave: "rest", within: .seconds(5400))),
        .halted(.hookFailed(.beforeWave, wave: "rest", reason: "exit code 1")),
        .halted(.hookFailed(.beforeRun, wave: nil, reason: "exit code 1")),
        .halted(.journalFailed(reason: "the disk is full")),
        .stopRequested,
        .cancelRequested,
        .runFinished(status: .halted),
    ]

    static let run = RunRecord(
        id: RunID("20260808T090000Z-ab12cd"),
        fleet: "teslamate-eu",
        fleetFile: "fleet.yaml",
        change: .up(to: nil),
        instances: 3,
        startedAt: moment(),
        startedBy: "ann@db-tools"
    )

    static func run(_ id: String, fleet: String = "teslamate-eu", _ change: Change = .up(to: nil), startedAt: Date = moment()) -> RunRecord
    {
        RunRecord(
            id: RunID(id),
            fleet: fleet,
            fleetFile: "fleet.yaml",
            change: change,
            instances: 3,
            startedAt: startedAt,
            startedBy: "ann@db-tools"
        )
    }

    /// An event that bears a number.
    static func numbered(_ number: Int) -> Event {
        Event(at: moment(), .instanceWarned(instance: "i\(number % 97)", message: "\(number)"))
    }

    static func number(of recorded: RecordedEvent) -> Int? {
        if case .instanceWarned(_, let message)? = recorded.event?.kind { Int(message) } else { nil }
    }
}

extension RunStore {
    /// The numbers of the numbered events, in the journal's order.
    func numbers(of run: RunID = JournalSamples.run.id) async throws -> [Int] {
        var numbers: [Int] = []
        for try await recorded in events(of: run) {
            if let number = JournalSamples.number(of: recorded) { numbers.append(number) }
        }
        return numbers
    }
}
