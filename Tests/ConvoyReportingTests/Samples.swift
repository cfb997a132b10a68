import ConvoyFleet
import ConvoyMigrations
import ConvoyRollout
import ConvoyRun
import FoundationEssentials

@testable import ConvoyReporting

/// 2026-08-08T09:00:00Z and some seconds.
func moment(_ seconds: Double = 0) -> Date { Date(timeIntervalSince1970: 1_786_179_600 + seconds) }

let newest = MigrationVersion(20_260_808_090_000)
let older = MigrationVersion(20_260_807_090_000)

let overflow = Failure(
    .failed,
    "numeric field overflow",
    version: newest,
    file: "Migrations/20260808090000_narrow_charges.sql",
    line: 7,
    statement: "ALTER TABLE charges\n\tALTER COLUMN charger_power TYPE numeric(8,2)",
    position: 35,
    sqlstate: "22003",
    detail: "A field with precision 8, scale 2 must round to an absolute value less than 10^6.",
    hint: "correct the rows that are too large, then run the command again"
)

let busy = Failure(
    .lockBusy,
    "another session holds the migration lock",
    hint: "wait for it, or end that session",
    lockedBy: LockHolder(pid: 4711, application: "psql", address: "10.0.0.7", since: "2026-08-08T08:00:00Z")
)

/// A canary and the rest: one migrated, one failed, one busy, one never reached.
let troubledRun: [Event] = [
    Event(
        at: moment(),
        .runStarted(
            run: "r-1",
            fleet: "teslamate-eu",
            waves: [PlannedWave(name: "canary", instances: ["alice"]), PlannedWave(name: "rest", instances: ["bob", "carol", "dave"])]
        )
    ),
    Event(at: moment(), .waveStarted(wave: "canary")),
    Event(at: moment(), .instanceStarted(instance: "alice", wave: "canary")),
    Event(at: moment(0.1), .instancePlanned(instance: "alice", from: older, pending: [newest])),
    Event(
        at: moment(0.2),
        .migrationApplied(instance: "alice", migration: AppliedMigration(version: newest, direction: .up, duration: .milliseconds(12)))
    ),
    Event(
        at: moment(0.3),
        .instanceFinished(
            instance: "alice",
            result: InstanceResult(
                outcome: .migrated,
                from: older,
                to: newest,
                applied: [AppliedMigration(version: newest, direction: .up, duration: .milliseconds(12))]
            )
        )
    ),
    Event(at: moment(0.3), .waveFinished(wave: "canary")),
    Event(at: moment(0.4), .waveStarted(wave: "rest")),
    Event(at: moment(0.4), .instanceStarted(instance: "bob", wave: "rest")),
    Event(at: moment(0.4), .instanceStarted(instance: "carol", wave: "rest")),
    Event(at: moment(0.5), .instanceWarned(instance: "bob", message: "convoy.migration_log cannot be created")),
    Event(at: moment(0.5), .instancePlanned(instance: "bob", from: older, pending: [newest])),
    Event(at: moment(0.6), .instanceWaiting(instance: "carol", reason: "pid 4711 (psql) holds the lock")),
    Event(
        at: moment(1),
        .instanceFinished(instance: "bob", result: InstanceResult(outcome: .failed, from: older, to: older, failure: overflow))
    ),
    Event(at: moment(1), .halted(.failures(wave: "rest", limit: 1, instances: ["bob"]))),
    Event(at: moment(3.5), .instanceFinished(instance: "carol", result: InstanceResult(outcome: .lockBusy, failure: busy))),
    Event(at: moment(3.5), .waveFinished(wave: "rest")),
    Event(at: moment(3.5), .runFinished(status: .halted)),
]

func report(_ events: some Sequence<Event>) -> FleetReport {
    events.reduce(into: FleetReport()) { $0.apply($1) }
}

let statusReport = FleetReport(
    fleet: "teslamate-eu",
    target: newest,
    statuses: statuses,
    at: moment()
)

let statuses = [
    InstanceStatus(
        name: "alice",
        server: "eu-1",
        database: "teslamate_alice",
        labels: ["ring": "canary", "region": "eu"],
        outcome: .upToDate,
        version: newest,
        serverVersion: "17.2",
        lastMigratedAt: moment(-90)
    ),
    InstanceStatus(
        name: "bob",
        server: "eu-1",
        database: "teslamate_bob",
        labels: [:],
        outcome: .pending,
        version: older,
        pending: [newest],
        serverVersion: "17.2",
        lastMigratedAt: moment(-86_400 * 12)
    ),
    InstanceStatus(
        name: "carol",
        server: "us-1",
        database: "teslamate_carol",
        labels: [:],
        outcome: .unreachable,
        failure: Failure(.unreachable, "connection refused by us-1:5432", hint: "is the server running?")
    ),
]

let planReport = PlanReport(
    fleet: "teslamate-eu",
    direction: .up,
    target: newest,
    generatedAt: moment(),
    waves: [
        .init(name: "canary", maxParallel: 1, instances: [statuses[1]]),
        .init(name: "rest", maxParallel: nil, instances: [statuses[0], statuses[2]]),
    ],
    migrationNames: [newest: "narrow_charges"]
)

let runsReport = RunsReport(
    journal: ".convoy/journal.sqlite",
    generatedAt: moment(90),
    runs: [
        .init(
            run: runRecord("r-5", .downSteps(1)),
            state: .running,
            outcomes: [.rolledBack: 1],
            waits: ["no worker of its fleet is alive; `convoy resume r-5` carries it out"],
            shortage: "no worker of its fleet is alive"
        ),
        .init(run: runRecord("r-4"), state: .cutOff, outcomes: [.migrated: 2]),
        .init(run: runRecord("r-3", .up(to: newest), .succeeded), state: .ended(.succeeded), outcomes: [.migrated: 3]),
        .init(run: runRecord("r-2", .down(to: older), .abandoned), state: .ended(.abandoned), outcomes: [:]),
    ]
)

private func runRecord(_ id: String, _ change: Change = .up(to: nil), _ status: RunEnding? = nil) -> RunRecord {
    RunRecord(
        id: RunID(id),
        fleet: "teslamate-eu",
        fleetFile: "fleet.yaml",
        change: change,
        instances: 3,
        startedAt: moment(),
        finishedAt: status.map { _ in moment(61.5) },
        status: status,
        convoyVersion: "0.1",
        startedBy: "ann@db-tools",
        abandonedBy: status == .abandoned ? "bob@db-tools" : nil
    )
}

/// Names that some format, or whoever shows it, would take for something else.
let hostileNames = [
    "<img src=x onerror=alert(1)>", "=cmd|' /C calc'!A0", "a|b`c```d", "quote\"d, 'n", "line\nfeed\ttab", "\u{202E}txt.exe", "🚗 Zoë 日本語",
    "@team-dba #1 https://x.example", "\u{1B}[2J]]>&amp;", "back\\slash|", " blanks ", "_under_ *star* [link](x) \u{0}\u{FFFE}",
]

/// A run over them, and a look at them after it: every text that comes from elsewhere is one of them.
let hostileReport: FleetReport = {
    let failure = { (text: String) in
        Failure(
            .failed,
            text,
            version: newest,
            file: text,
            line: 7,
            statement: "SELECT '\(text)'\n\tFROM ```",
            sqlstate: "22003",
            detail: text,
            hint: text,
            lockedBy: LockHolder(pid: 4711, application: text, address: text, since: nil)
        )
    }
    var events = [
        Event(
            at: moment(),
            .runStarted(
                run: "r-<1>",
                fleet: hostileNames[0],
                waves: [
                    PlannedWave(name: hostileNames[2], instances: Array(hostileNames.prefix(4))),
                    PlannedWave(name: "rest", instances: Array(hostileNames.dropFirst(4))),
                ]
            )
        )
    ]
    for (index, name) in hostileNames.enumerated() where index % 3 != 2 {
        events.append(Event(at: moment(1), .instanceStarted(instance: name, wave: index < 4 ? hostileNames[2] : "rest")))
        events.append(Event(at: moment(1), .instancePlanned(instance: name, from: older, pending: [newest])))
        let applied = [AppliedMigration(version: newest, direction: .up, duration: .milliseconds(100 + index))]
        let result =
            index % 3 == 0
            ? InstanceResult(outcome: .failed, from: older, to: older, failure: failure(name))
            : InstanceResult(outcome: .migrated, from: older, to: newest, applied: applied)
        events.append(Event(at: moment(2 + Double(index)), .instanceFinished(instance: name, result: result)))
    }
    events.append(Event(at: moment(20), .halted(.gateFailed(wave: hostileNames[2], reason: hostileNames[8]))))
    events.append(Event(at: moment(20.5), .runFinished(status: .halted)))
    var report = report(events)
    report.apply(Fleet(name: hostileNames[0], migrations: "Migrations", instances: []), target: newest, instances: [])
    for (index, name) in hostileNames.enumerated() {
        let isCurrent = index % 3 == 1
        report.apply(
            InstanceStatus(
                name: name,
                server: hostileNames[(index + 1) % hostileNames.count],
                database: hostileNames[(index + 2) % hostileNames.count],
                labels: index % 2 == 0 ? ["ring": name, "a.b": "dot"] : ["a_b": name],
                outcome: isCurrent ? .upToDate : .pending,
                version: isCurrent ? newest : older,
                pending: isCurrent ? [] : [newest],
                serverVersion: name,
                lastMigratedAt: moment(-3600 * Double(index))
            ),
            at: moment(30)
        )
    }
    return report
}()
