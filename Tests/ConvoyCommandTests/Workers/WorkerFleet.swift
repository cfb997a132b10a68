import ConvoyPostgres
import Foundation
import Glibc
import TestSupport
import Testing

/// A fleet whose runs are in a control database, with workers as processes of their own.
struct WorkerFleet {
    let name: String
    let folder: String
    let databases: [TestDatabase]
    let control: TestDatabase

    /// A worker that the control database knows.
    ///
    /// - Parameter other: the fleet whose control database it uses; nil is this one.
    func worker(
        _ arguments: [String] = [],
        environment: [String: String] = [:],
        in folder: String? = nil,
        sharing other: WorkerFleet? = nil
    ) async throws -> ConvoyProcess {
        let process = try ConvoyProcess(
            ["worker"] + arguments,
            environment: environment,
            in: folder ?? self.folder,
            timeLimit: .seconds(180)
        )
        let started = await process.wait { $0.standardOutput.contains("worker ") || $0.status != nil }
        try #require(started.status == nil, "\(started.standardError)")
        let words = started.standardOutput.split(separator: " ")
        let id = String(try #require(words.count > 1 ? words[1] : nil))
        try await eventually("worker \(id) is known", within: .seconds(30)) {
            // Before the first worker there are no tables.
            (try? await (other ?? self).count("workers WHERE id = '\(id)'")) == 1
        }
        return process
    }

    /// Submits a run and returns its id.
    func submit(_ arguments: [String] = ["migrate"]) async throws -> String {
        let result = try await runConvoy(arguments + ["--yes", "--detach"], in: folder)
        try #require(result.exitCode == 0, "\(result.standardError)")
        return result.standardOutput.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Waits for the end of a run and returns its exit code.
    func wait(for run: String, within limit: String = "120s") async throws -> ConvoyResult {
        try await runConvoy(["wait", run, "--timeout", limit], in: folder, timeLimit: .seconds(150))
    }

    /// How often each version is in the ledger and the audit log of every database: `version ledger/log`.
    func applied() async throws -> [String] {
        var all: [String] = []
        for database in databases {
            let rows = try await database.query(
                """
                SELECT version, (SELECT count(*) FROM convoy.migration_log AS l WHERE l.version = m.version AND l.direction = 'up') AS logged
                FROM schema_migrations AS m ORDER BY version
                """
            ).rows
            all.append(try rows.map { "\(try $0.int64("version")):\(try $0.int64("logged"))" }.joined(separator: " "))
        }
        return all
    }

    /// Whether every migration was applied exactly once to every database.
    func expectAppliedOnce(_ versions: [Int64]) async throws {
        let expected = versions.map { "\($0):1" }.joined(separator: " ")
        #expect(try await applied() == databases.map { _ in expected })
    }

    /// The types of the events of a run, in order.
    func events(of run: String, where condition: String = "true") async throws -> [String] {
        try await control.query("SELECT type FROM convoy_control.events WHERE run = $1 AND \(condition) ORDER BY number", [run]).rows
            .map { try $0.text("type") }
    }

    /// Something about assignments, as a number.
    func count(_ what: String) async throws -> Int64 {
        try await control.query("SELECT count(*) AS n FROM convoy_control.\(what)").onlyRow().int64("n")
    }
}

extension ConvoyProcess {
    /// Lets it do nothing until ``proceed()``.
    func halt() { _ = Glibc.kill(processID, SIGSTOP) }

    func proceed() { _ = Glibc.kill(processID, SIGCONT) }

    /// The end of a worker that was asked to end.
    func drained() async throws -> ConvoyResult {
        terminate()
        return try await result()
    }
}

/// Migrations that take a while, so that a worker can be lost in the middle.
enum SlowSet {
    static let versions: [Int64] = [1, 2, 3, 4]

    static func files(pause: Double = 0.3) -> [String: String] {
        var files: [String: String] = [
            "Migrations/1_cars.sql": "-- migrate:up\nCREATE TABLE cars (id bigint PRIMARY KEY);\n-- migrate:down\nDROP TABLE cars;\n"
        ]
        for version in versions.dropFirst() {
            files["Migrations/\(version)_column.sql"] = """
                -- migrate:up
                SELECT pg_sleep(\(pause));
                ALTER TABLE cars ADD COLUMN c\(version) text;
                -- migrate:down
                ALTER TABLE cars DROP COLUMN c\(version);

                """
        }
        return files
    }
}

/// A fleet of new databases `i1`, `i2`, …, all on one server, each of which is one of the fleet file.
///
/// - Parameters:
///   - controlServer: where the control database is; nil is the server of the instances.
///   - rollout: lines under `rollout:`, without their indentation.
///   - more: lines of the fleet file, for example its notifications.
func withWorkerFleet(
    _ count: Int,
    on release: PostgresServer.Release = .system,
    control controlServer: PostgresServer? = nil,
    name: String = "test",
    migrations: [String: String] = SlowSet.files(),
    rollout: [String] = ["waves: [{name: all}]"],
    more: [String] = [],
    _ body: (WorkerFleet) async throws -> Void
) async throws {
    let server = try await PostgresServer.shared(release)
    try await server.withDatabases(count) { databases in
        try await (controlServer ?? server).withDatabase { control in
            var lines = [
                "version: 1", "fleet: \(name)", "migrations: Migrations",
                "control: postgresql://\(control.ownerName)@127.0.0.1:\(control.server.port)/\(control.name)?sslmode=disable",
                "defaults: {connect_timeout: 10s, lock_wait: 20s}", "limits: {total: 12, per_server: 12}",
                "servers: {local: {host: \(server.socketFolder), port: \(server.port)}}", "instances:",
            ]
            for (index, database) in databases.enumerated() {
                lines.append(
                    "  - {name: i\(index + 1), server: local, user: \(database.ownerName), "
                        + "database: \(database.name), labels: {half: h\(index % 2)}}"
                )
            }
            lines += ["rollout:"] + rollout.map { "  \($0)" } + more
            var files = migrations
            files["fleet.yaml"] = lines.joined(separator: "\n") + "\n"
            try await withTemporaryFolder(files: files) { folder in
                try await body(WorkerFleet(name: name, folder: folder, databases: databases, control: control))
            }
        }
    }
}
