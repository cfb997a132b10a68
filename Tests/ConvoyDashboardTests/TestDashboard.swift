import ConvoyFleet
import ConvoyJournal
import ConvoyMigrations
import ConvoyPostgres
import ConvoyReporting
import ConvoyRollout
import ConvoyRun
import FoundationEssentials
import Synchronization
import TestSupport

@testable import ConvoyDashboard

/// A dashboard on a free port, with a journal of its own that the test writes.
struct TestDashboard: Sendable {
    static let token = "correct-horse-battery-staple"
    static let bearer = ["Authorization": "Bearer \(token)"]
    static let run = RunID("20261122T100000Z-aaaaaa")
    /// A name as an attacker would choose it: a database's name can hold all of this.
    static let hostile = #"<img src=x onerror=alert(1)>"#

    let port: Int
    let folder: String
    let routes: [Route]
    /// Reads the tokens again, as SIGHUP does.
    let reload: @Sendable () async -> Void

    var journal: String { "\(folder)/journal.sqlite" }

    func ask(_ path: String, method: String = "GET", headers: [String: String] = [:], body: String = "") async throws -> HTTPAnswer {
        try await askHTTP(path, port: port, method: method, headers: headers, body: body)
    }

    /// A path that a route answers to, after a comparison.
    static func path(of route: Route, instance: String = "alice", run: String = run.description) -> String {
        let cohort = DriftSamples.drifted.split(separator: " ").map(String.init)
        return route.path.replacing("{run}", with: run).replacing("{instance}", with: instance)
            .replacing("{version}", with: cohort[0]).replacing("{fingerprint}", with: cohort[1])
    }

    /// Compares the fleet, as one asks for it who may, and waits for the end.
    func compare(headers: [String: String] = ["X-Convoy-CSRF": "1"]) async throws {
        let asked = try await ask("/api/v1/drift", method: "POST", headers: headers)
        guard asked.status == 202 else { throw TestSupportError("\(asked.status): \(asked.body)") }
        try await eventually("the comparison is over") {
            try await !ask("/api/v1/drift/state", headers: headers).body.contains(#""state":"running""#)
        }
    }

    /// A port for a dashboard that stops and listens there again: below those that the system gives to connections, so that none of the other tests
    /// takes it in between.
    static func portToKeep() -> Int { Int.random(in: 12_000..<32_000) }

    /// A dashboard on the port of one that has just ended. A program that another test starts at this moment has the old socket until it runs: the
    /// port is asked for again until it is free.
    static func again<Value: Sendable>(
        on port: Int,
        folder: String,
        _ body: @Sendable (TestDashboard) async throws -> Value
    ) async throws -> Value {
        var value: Value?
        try await eventually("the port is free", within: .seconds(20)) {
            do {
                value = try await with(port: port, folder: folder, body)
                return true
            } catch let error as TestSupportError where "\(error)".contains("Address already in use") {
                return false
            }
        }
        guard let value else { throw TestSupportError("the dashboard gave nothing") }
        return value
    }

    /// - Parameters:
    ///   - tokens: the text of a file of tokens, instead of one token.
    ///   - port: 0 takes a free one.
    ///   - folder: nil makes one for the test.
    ///   - database: a control database, instead of a journal in the folder.
    static func with<Value: Sendable>(
        token: String? = nil,
        tokens: String? = nil,
        readTokens: (@Sendable () throws(ServeProblem) -> TokenList)? = nil,
        isAllowedToAct: Bool = false,
        allowedHosts: [String] = [],
        instances: [String] = ["alice", "bob", hostile],
        findings: ProbeFindings = ProbeFindings(statuses: []),
        schedule: ProbeSchedule? = nil,
        drift: @escaping @Sendable () async throws(ProbeError) -> DriftFindings = { () async throws(ProbeError) in DriftSamples.findings },
        clock: any Clock<Duration> = ContinuousClock(),
        set: MigrationSet? = nil,
        port: Int = 0,
        folder: String? = nil,
        database: ConnectionParameters? = nil,
        log: @escaping @Sendable (String) -> Void = { _ in },
        _ body: @Sendable (TestDashboard) async throws -> Value
    ) async throws -> Value {
        guard let folder else {
            return try await withTemporaryFolder { folder in
                try await with(
                    token: token,
                    tokens: tokens,
                    readTokens: readTokens,
                    isAllowedToAct: isAllowedToAct,
                    allowedHosts: allowedHosts,
                    instances: instances,
                    findings: findings,
                    schedule: schedule,
                    drift: drift,
                    clock: clock,
                    set: set,
                    port: port,
                    folder: folder,
                    database: database,
                    log: log,
                    body
                )
            }
        }
        var fleet = Fleet(
            name: "test",
            migrations: "Migrations",
            instances: instances.map { name in
                var connection = ConnectionParameters()
                connection["password"] = "a secret of the fleet file"
                return Instance(name: name, server: "eu-1", database: "tm", connection: connection)
            },
            journal: "\(folder)/journal.sqlite"
        )
        fleet.control = database
        let control = RunControl(journal: fleet.journalPlace, person: "ann@host") { run, _ throws(ResumeError) in
            throw ResumeError("no process for \(run) in a test")
        }
        guard let address = ListenAddress("127.0.0.1:\(port)") else { throw TestSupportError("no address") }
        let dashboard = Dashboard(
            fleet: fleet,
            target: MigrationVersion(20_260_808_090_000),
            releases: set?.releases ?? ReleaseList(),
            set: set,
            at: .network(address),
            tokens: try tokens.map { try TokenFile.parse($0, file: "tokens") } ?? token.map { TokenList(try AccessToken($0)) },
            readTokens: readTokens,
            allowedHosts: allowedHosts,
            control: isAllowedToAct ? control : nil,
            probe: { () async throws(ProbeError) in findings },
            every: schedule,
            drift: drift,
            clock: clock,
            log: log
        )
        let url = Mutex<String?>(nil)
        let refusal = Mutex<String?>(nil)
        let serving = Task {
            do {
                try await dashboard.run { text in url.withLock { $0 = text } }
            } catch {
                refusal.withLock { $0 = "\(error)" }
            }
        }
        defer { serving.cancel() }
        try await eventually("the dashboard listens, or cannot") { url.withLock(\.self) != nil || refusal.withLock(\.self) != nil }
        if let reason = refusal.withLock(\.self) { throw TestSupportError("the dashboard does not listen: \(reason)") }
        let listening = url.withLock(\.self)?.split(separator: ":").last.flatMap { Int($0) } ?? 0
        let value = try await body(TestDashboard(port: listening, folder: folder, routes: dashboard.routes, reload: dashboard.files.reload))
        serving.cancel()
        await serving.value
        return value
    }

    // MARK: Runs

    /// Begins a run in the journal, with the instances in one wave.
    @discardableResult
    func begin(
        _ id: RunID = run,
        _ instances: [String] = ["alice", "bob", hostile],
        plan: RunPlan? = nil
    ) async throws -> SQLiteJournal {
        let journal = try await SQLiteJournal.open(path: journal)
        try await begin(id, instances, plan: plan, in: journal)
        return journal
    }

    /// The same in any journal, for example a control database.
    func begin(
        _ id: RunID = run,
        _ instances: [String] = ["alice", "bob", hostile],
        plan: RunPlan? = nil,
        in journal: any RunStore
    ) async throws {
        let record = RunRecord(
            id: id,
            fleet: "test",
            fleetFile: "fleet.yaml",
            change: .up(to: nil),
            instances: instances.count,
            startedAt: moment(),
            startedBy: "ann@host"
        )
        try await journal.begin(record, plan: plan.map { try $0.data() } ?? Data())
        try await journal.append(
            [
                Event(
                    at: moment(),
                    .runStarted(run: id.description, fleet: "test", waves: [PlannedWave(name: "all", instances: instances)])
                ),
                Event(at: moment(), .waveStarted(wave: "all")),
            ],
            to: id
        )
    }
}

/// 2026-08-08T09:00:00Z and some seconds.
func moment(_ seconds: Double = 0) -> Date { Date(timeIntervalSince1970: 1_786_179_600 + seconds) }

let newest = MigrationVersion(20_260_808_090_000)

/// What a run tells of an instance that fails.
func failing(_ name: String, message: String = "numeric field overflow") -> [Event] {
    let failure = Failure(
        .failed,
        message,
        version: newest,
        file: "Migrations/20260808090000_narrow.sql",
        line: 7,
        statement: "ALTER TABLE charges\n\tALTER COLUMN power TYPE numeric(8,2)",
        sqlstate: "22003"
    )
    return [
        Event(at: moment(1), .instanceStarted(instance: name, wave: "all")),
        Event(at: moment(2), .instanceFinished(instance: name, result: InstanceResult(outcome: .failed, failure: failure))),
    ]
}

/// What a run tells of an instance that is migrated.
func migrating(_ name: String) -> [Event] {
    let migration = AppliedMigration(version: newest, direction: .up, duration: .milliseconds(120))
    let result = InstanceResult(outcome: .migrated, from: MigrationVersion(20_260_807_090_000), to: newest, applied: [migration])
    return [
        Event(at: moment(1), .instanceStarted(instance: name, wave: "all")),
        Event(at: moment(1), .instancePlanned(instance: name, from: MigrationVersion(20_260_807_090_000), pending: [newest])),
        Event(at: moment(2), .migrationApplied(instance: name, migration: migration)),
        Event(at: moment(3), .instanceFinished(instance: name, result: result)),
    ]
}
