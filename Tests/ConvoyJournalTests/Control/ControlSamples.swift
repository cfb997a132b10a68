import ConvoyKit
import ConvoyPostgres
import ConvoyRun
import ConvoyText
import FoundationEssentials
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

/// Lends a journal in such a database, with the run of the samples.
func withControlJournal(
    on release: PostgresServer.Release = .system,
    configuring configure: (inout ControlDatabase.Timing) -> Void = { _ in },
    _ body: (ControlJournal, TestDatabase) async throws -> Void
) async throws {
    try await withControlDatabase(on: release, configuring: configure) { control, database in
        let journal = ControlJournal(control)
        try await journal.begin(JournalSamples.run, plan: Data())
        try await body(journal, database)
    }
}

/// Lends a control database that is reached through a proxy.
func withProxiedControlDatabase(
    configuring configure: (inout ControlDatabase.Timing) -> Void = { _ in },
    _ body: (ControlDatabase, FaultProxy, TestDatabase) async throws -> Void
) async throws {
    try await withControlDatabase { _, database in
        let proxy = try FaultProxy(to: .port(database.server.port))
        var timing = ControlDatabase.Timing()
        configure(&timing)
        let control = ControlDatabase(database.ownerOverTCP(port: proxy.port), timing: timing)
        try await body(control, proxy, database)
        await control.close()
    }
}

/// Lends a journal that is reached through a proxy, with the run of the samples.
func withProxiedJournal(
    _ configure: (inout ControlDatabase.Timing) -> Void = { _ in },
    _ body: (ControlJournal, FaultProxy, TestDatabase) async throws -> Void
) async throws {
    try await withProxiedControlDatabase(configuring: configure) { control, proxy, database in
        let journal = ControlJournal(control)
        try await journal.begin(JournalSamples.run, plan: Data())
        try await body(journal, proxy, database)
        try await journal.close()
    }
}

/// Appends numbered events to the run of the samples.
///
/// - Returns: why they are not written; nil if they are.
func append(_ numbers: Range<Int>, to journal: any RunStore) async -> JournalError? {
    await problem { () async throws(JournalError) in
        try await journal.append(numbers.map(JournalSamples.numbered), to: JournalSamples.run.id)
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

/// Waits until workers that were not seen within their lifetime count as gone: the server of a test may have just been started.
func waitUntilSettled(_ control: ControlDatabase) async throws {
    try await eventually("the server is older than a worker's lifetime", within: .seconds(60)) {
        await !control.hasJustBegun(within: RunStaff.lifetime)
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
