import TestSupport
import Testing

@testable import ConvoyJournal

/// The stores of runs, all of which pass the same exercise.
enum StoreKind: Sendable, Hashable, CustomTestStringConvertible {
    case file
    case control(PostgresServer.Release)

    static let all = [.file] + PostgresServer.Release.tested.map(StoreKind.control)

    var testDescription: String {
        switch self {
        case .file: "SQLite"
        case .control(let release): "control database on \(release)"
        }
    }

    /// Lends an empty store, and what opens it once more, as another process would.
    func withStore(_ body: (_ store: any RunStore, _ open: @escaping @Sendable () async throws -> any RunStore) async throws -> Void)
        async throws
    {
        switch self {
        case .file:
            try await withTemporaryFolder { folder in
                let path = "\(folder)/.convoy/journal.sqlite"
                let store = try await SQLiteJournal.open(path: path)
                try await body(store) { try await SQLiteJournal.open(path: path) }
                try await store.close()
            }
        case .control(let release):
            try await withControlDatabase(on: release) { control, database in
                try await body(ControlJournal(control)) { ControlJournal(ControlDatabase(database.owner)) }
            }
        }
    }

    func withStore(_ body: (any RunStore) async throws -> Void) async throws { try await withStore { store, _ in try await body(store) } }
}
