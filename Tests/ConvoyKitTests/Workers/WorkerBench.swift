import ConvoyFleet
import ConvoyIO
import ConvoyInstance
import ConvoyJournal
import ConvoyKit
import ConvoyPostgres
import ConvoyRun
import FoundationEssentials
import TestSupport
import Testing

/// A fleet with a control database, whose workers are tasks of this process: with short leases, and with files that can be made to take long.
struct WorkerBench {
    let folder: String
    let databases: [TestDatabase]
    let control: TestDatabase
    let journal: ControlJournal
    let client: FleetClient

    var submission: RunSubmission {
        get throws { try #require(RunSubmission(client.fleet, in: journal)) }
    }

    /// Submits a run.
    func submit(select: String? = nil, beside: [RunID] = []) async throws -> RunID {
        let planned = try await client.plan(.newest, select: select)
        let run = try NewRun(planned.plan, fleetFile: "fleet.yaml")
        try await submission.submit(run, beside: beside.map(\.description))
        return run.record.id
    }

    /// Hands a run to the workers again.
    func resume(_ run: RunID) async throws {
        let lock = try await journal.lock(run)
        try await lock.released {
            let start = try await journal.lockStart(of: client.fleet.name)
            let basis = try await journal.basis(of: run)
            try await start.released { try await submission.resume(run, unchangedSince: basis, by: "ann@here", under: start) }
        }
    }

    func ask(_ request: OperatorRequest.Kind, of run: RunID) async throws {
        try await journal.post(request, to: run, by: "ann@here", at: Date())
    }

    /// A number of rows, for example `assignments WHERE state = 'waiting'`.
    func count(_ what: String) async throws -> Int64 {
        try await control.query("SELECT count(*) AS n FROM convoy_control.\(what)").onlyRow().int64("n")
    }

    /// Waits until the change of the only instance can be claimed, and gives it to a worker `w3` that does nothing and has a lease of an hour.
    func giveChangeAway() async throws {
        try await eventually("the change waits", within: .seconds(30)) {
            try await count("assignments WHERE kind = 'change' AND state = 'waiting'") == 1
        }
        try await control.execute([
            """
            UPDATE convoy_control.assignments SET state = 'claimed', worker = 'w3', attempt = 1, lease_until = clock_timestamp() + interval '1 h'
            WHERE kind = 'change'
            """
        ])
    }

    /// Waits until a run has ended.
    func status(of run: RunID) async throws -> String? {
        try await eventually("run \(run) has ended", within: .seconds(60)) {
            try await count("runs WHERE id = '\(run)' AND status IS NULL") == 0
        }
        return try await control.query("SELECT status FROM convoy_control.runs WHERE id = $1", [run.description]).onlyRow().text("status")
    }
}

/// A worker in this process.
final class BenchWorker: Sendable {
    /// What it said.
    let lines = Shared<[String]>([])
    /// How often it has begun to read its files.
    let loads = Shared(0)
    /// Whether its files can be read; while they cannot, reading takes as long.
    let isReadable = Shared(true)
    let control: ControlDatabase
    private let worker: Worker
    private let task: Task<Void, Never>

    /// - Parameter reached: the way to the control database; nil is the direct one.
    init(_ bench: WorkerBench, id: String, limits: WorkerLimits = WorkerLimits(), through reached: ConnectionParameters? = nil) {
        var timing = Worker.Timing()
        (timing.lease, timing.round) = (.seconds(8), .milliseconds(50))
        let client = bench.client
        control = ControlDatabase(reached ?? bench.control.owner, timing: timing.database)
        worker = Worker(
            control,
            id: id,
            fleet: client.fleet.name,
            limits: limits,
            timing: timing,
            environment: ["PATH": "/usr/bin:/bin"],
            load: { [loads, isReadable] in
                loads.change { $0 += 1 }
                try await eventually("the files can be read", within: .seconds(60)) { isReadable.value }
                return Worker.Files(fleet: client.fleet, set: client.set, runner: client.runner, secrets: client.secrets)
            },
            log: { [lines] line in lines.change { $0.append(line) } }
        )
        task = Task { [worker, lines] in
            do { try await worker.run() } catch { lines.change { $0.append("ended: \(error)") } }
        }
    }

    /// Lets it finish what it does.
    func end() async {
        worker.drain()
        await task.value
    }
}

/// - Parameters:
///   - pause: how long the second migration takes, in seconds.
///   - rollout: lines under `rollout:`; `FOLDER` in them is the fleet's folder.
///   - more: lines of the fleet file, for example its notifications.
func withWorkerBench(
    _ count: Int,
    on release: PostgresServer.Release = .system,
    pause: Double = 0,
    rollout: [String] = ["waves: [{name: all}]"],
    more: [String] = [],
    _ body: (WorkerBench) async throws -> Void
) async throws {
    let server = try await PostgresServer.shared(release)
    try await server.withDatabases(count) { databases in
        try await server.withDatabase { control in
            let files = [
                "Migrations/1_cars.sql": "-- migrate:up\nCREATE TABLE cars (id bigint PRIMARY KEY);\n-- migrate:down\nDROP TABLE cars;\n",
                "Migrations/2_pause.sql": "-- migrate:up\nSELECT pg_sleep(\(pause));\n-- migrate:down\nSELECT 1;\n",
            ]
            try await withTemporaryFolder(files: files) { folder in
                var lines = ["version: 1", "fleet: bench", "migrations: Migrations", "defaults: {connect_timeout: 10s}"]
                lines += ["limits: {total: 12, per_server: 12}", "instances:"]
                for (index, database) in databases.enumerated() {
                    lines.append(
                        "  - {name: i\(index + 1), host: \(server.socketFolder), port: \(server.port), user: \(database.ownerName), "
                            + "database: \(database.name), labels: {half: h\(index % 2)}}"
                    )
                }
                lines +=
                    ["rollout:"]
                    + rollout.map { "  " + $0.split(separator: "FOLDER", omittingEmptySubsequences: false).joined(separator: folder) }
                    + more
                try (lines.joined(separator: "\n") + "\n").write(toFile: "\(folder)/fleet.yaml", atomically: true, encoding: .utf8)
                let database = ControlDatabase(control.owner)
                try await database.prepare()
                let client = try FleetClient(fleetFile: "\(folder)/fleet.yaml", environment: ["PATH": "/usr/bin:/bin"])
                try await body(
                    WorkerBench(folder: folder, databases: databases, control: control, journal: ControlJournal(database), client: client)
                )
                await database.close()
            }
        }
    }
}
