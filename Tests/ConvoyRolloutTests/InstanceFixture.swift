import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import FoundationEssentials
import Synchronization
import TeslaMate
import TestSupport

@testable import ConvoyRollout

/// The repository's own migration set.
let teslaMateSet: Result<MigrationSet, any Error> = Result {
    let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    return try MigrationSet.load(directory: "/\(root)/Migrations", displayedAs: "Migrations")
}

/// A set of the migrations given, named in order.
func migrationSet(_ files: [(version: Int64, text: String)]) throws -> MigrationSet {
    try MigrationSet(
        files.map { file in
            try MigrationFile(
                version: MigrationVersion(file.version),
                name: "test",
                path: "Migrations/\(file.version)_test.sql",
                contents: Array(file.text.utf8)
            ).migration()
        }
    )
}

/// What a run reported, in order.
final class EventLog: Sendable {
    private let events = Mutex<[Event.Kind]>([])

    @Sendable func add(_ event: Event.Kind) { events.withLock { $0.append(event) } }

    var all: [Event.Kind] { events.withLock { $0 } }

    var warnings: [String] {
        all.compactMap { event in
            if case .instanceWarned(_, let message) = event { message } else { nil }
        }
    }

    var waits: [String] {
        all.compactMap { event in
            if case .instanceWaiting(_, let reason) = event { reason } else { nil }
        }
    }
}

extension TestDatabase {
    /// This database as an instance of a fleet, reached as its owner, with the superuser as `admin`.
    func instance(
        connection: ConnectionParameters? = nil,
        admin: ConnectionParameters?? = .none,
        secrets: [String: Secret] = [:],
        _ configure: (inout InstanceSettings) -> Void = { _ in }
    ) -> Instance {
        var settings = InstanceSettings()
        settings.connectTimeout = .seconds(30)
        configure(&settings)
        return Instance(
            name: name,
            server: "local",
            database: name,
            connection: connection ?? owner,
            admin: admin ?? self.admin,
            secrets: secrets,
            settings: settings
        )
    }

    /// The ledger, ascending.
    func ledger() async throws -> [Int64] {
        try await query("SELECT version FROM public.schema_migrations ORDER BY version").rows.map { try $0.int64("version") }
    }
}

/// The text of a migration file.
func migrationText(_ up: String, down: String = "", options: String = "") -> String {
    "-- migrate:up\(options)\n\(up)\n\n-- migrate:down\(options)\n\(down)\n"
}

/// Three small migrations: a table, a column, a value that only a table with rows refuses.
func threeMigrations(second: String = "ALTER TABLE cars ADD COLUMN name text;") throws -> MigrationSet {
    try migrationSet([
        (1, migrationText("CREATE TABLE cars (id bigint PRIMARY KEY);", down: "DROP TABLE cars;")),
        (2, migrationText(second, down: "ALTER TABLE cars DROP COLUMN name;")),
        (3, migrationText("CREATE TABLE trips (id bigint PRIMARY KEY);", down: "DROP TABLE trips;")),
    ])
}

extension InstanceRunner {
    /// A runner that gives up on a lost database soon.
    init(_ set: MigrationSet, steps: [any MigrationStep] = [], reconnectWait: Duration = .seconds(30), windowMigrations: Int = 50) {
        var timing = Timing()
        timing.reconnectWait = reconnectWait
        timing.windowMigrations = windowMigrations
        self.init(set: set, steps: steps, timing: timing)
    }

    func up(_ instance: Instance, to version: Int64? = nil, run: String = "run-1", log: EventLog = EventLog()) async -> InstanceResult {
        await change(instance, .up(to: version.map(MigrationVersion.init)), run: run, report: log.add)
    }

    func status(_ instance: Instance) async -> InstanceStatus {
        await probe(instance, for: .up(to: nil))
    }
}

extension InstanceResult {
    /// The versions that the run applied or reverted, in order.
    var versions: [Int64] { applied.map(\.version.value) }
}
