import ConvoyKit
import ConvoyPostgres
import ConvoyText
import TestSupport

@testable import ConvoyJournal

/// Lends a control database with its tables, in a database of its own.
@discardableResult
func withControlDatabase<Value>(
    on release: PostgresServer.Release = .system,
    configuring configure: (inout ControlDatabase.Timing) -> Void = { _ in },
    _ body: (ControlDatabase, TestDatabase) async throws -> Value
) async throws -> Value {
    let server = try await PostgresServer.shared(release)
    let template = try await server.template(named: "control") { database in
        let control = ControlDatabase(database.owner)
        try await control.prepare()
        await control.close()
    }
    var timing = ControlDatabase.Timing()
    timing.connect = .seconds(30)
    configure(&timing)
    return try await server.withDatabase(template: template) { database in
        let control = ControlDatabase(database.owner, timing: timing)
        let value = try await body(control, database)
        await control.close()
        return value
    }
}

/// The error that the body ends with; nil if it ends well.
func problem(_ body: () async throws(JournalError) -> Void) async -> JournalError? {
    do throws(JournalError) {
        try await body()
        return nil
    } catch {
        return error
    }
}

extension ControlDatabase {
    /// A number that a transaction counts up.
    func count() async throws -> Int64 {
        try await rows("SELECT count(*) AS number FROM convoy_control.locks").first?.int64("number") ?? -1
    }

    static let insertion = """
        INSERT INTO convoy_control.locks (name, token, holder, taken_at, expires_at)
        VALUES ($1, '', '', clock_timestamp(), clock_timestamp())
        """
}
