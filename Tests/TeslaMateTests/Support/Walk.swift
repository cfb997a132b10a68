import ConvoyMigrations
import TestSupport

/// What was found at each version on the way through all of them, as far as the way went.
struct Walk<Finding: Sendable>: Sendable {
    private var findings: [MigrationVersion: Finding] = [:]
    private var end: (version: MigrationVersion, reason: String)?

    /// Visits the versions in order, until a visit throws.
    static func over(_ versions: [MigrationVersion], visit: (MigrationVersion) async throws -> Finding) async -> Walk {
        var walk = Walk()
        for version in versions {
            do {
                walk.findings[version] = try await visit(version)
            } catch {
                walk.end = (version, String(describing: error))
                break
            }
        }
        return walk
    }

    /// - Throws: ``TestSupportError`` with what stopped the walk, where it did not get through this version.
    func finding(at version: MigrationVersion) throws -> Finding {
        if let finding = findings[version] { return finding }
        guard let end else { throw TestSupportError("\(version) was not visited") }
        throw TestSupportError(end.version == version ? end.reason : "not reached, because \(end.version) went wrong")
    }
}

/// Long work that many test cases look at: done once for each server, by whoever asks first.
actor SharedWork<Value: Sendable> {
    private let make: @Sendable (PostgresServer) async throws -> Value
    private var made: [PostgresServer.Release: Task<Value, any Error>] = [:]

    init(_ make: @escaping @Sendable (PostgresServer) async throws -> Value) {
        self.make = make
    }

    func value(on release: PostgresServer.Release) async throws -> Value {
        if let task = made[release] { return try await task.value }
        // A task of its own, because the test case that comes first may be cancelled and the others need the value all the same.
        let task = Task { [make] in try await make(.shared(release)) }
        made[release] = task
        return try await task.value
    }
}
