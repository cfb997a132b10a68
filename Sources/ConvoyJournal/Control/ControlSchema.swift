import ConvoyIO
package import ConvoyMigrations
import ConvoyPostgres
package import ConvoyRun
package import ConvoyText

/// The tables of a control database: migrations like those of a fleet, which come with the program. Their ledger is
/// `convoy_control.schema_migrations`.
package enum ControlSchema {
    /// The schema that holds all of it.
    package static let name = "convoy_control"

    /// The files of the folder `Schema`. A change of the tables is a new file with the next number.
    private static let files: [(version: Int64, name: String, contents: [UInt8])] = [
        (1, "runs", PackageResources.control_1_runs_sql), (2, "work", PackageResources.control_2_work_sql),
        (3, "refusals", PackageResources.control_3_refusals_sql), (4, "decisions", PackageResources.control_4_decisions_sql),
    ]

    /// The newest version that this program knows.
    package static var newest: Int64 { files.last?.version ?? 0 }

    /// The migrations of the tables.
    ///
    /// - Throws: the problems of a file, which a test excludes.
    package static func migrations() throws(Problems) -> MigrationSet {
        var migrations: [Migration] = []
        for file in files {
            let path = "control_\(file.version)_\(file.name).sql"
            let read = MigrationFile(version: MigrationVersion(file.version), name: file.name, path: path, contents: file.contents)
            migrations.append(try read.migration())
        }
        return try MigrationSet(migrations)
    }

    /// Where the tables of a control database stand.
    package enum State: Sendable, Hashable {
        /// There are none.
        case missing
        /// A migration of this program is not applied.
        case older
        case current
        /// A newer Convoy has changed them.
        case newer
    }
}

extension ControlDatabase {
    /// What is wrong, for the operator: where the tables are not as this program needs them, whether they are older or newer.
    package func journalError(_ error: ControlError) async -> JournalError {
        await journalError(error, ControlSession.Persistence(patience: .zero))
    }

    /// The same for a call whose time is limited.
    func journalError(_ error: ControlError, _ persistence: ControlSession.Persistence) async -> JournalError {
        guard error.isOfOtherTables, let state = try? await schemaState(persistence) else { return error.journalError(place) }
        switch state {
        case .missing: return .noControlSchema(place)
        case .older: return .olderControlSchema(place)
        case .newer: return .newerControlSchema(place)
        case .current: return error.journalError(place)
        }
    }

    /// Where the tables stand.
    ///
    /// - Parameter patience: how long it is asked again while it is gone; nil means the default of a question.
    /// - Throws: ``ControlError`` if the database cannot be asked.
    package func schemaState(patience: Duration? = nil) async throws(ControlError) -> ControlSchema.State {
        try await schemaState(ControlSession.Persistence(patience: patience ?? timing.readingPatience))
    }

    private func schemaState(_ persistence: ControlSession.Persistence) async throws(ControlError) -> ControlSchema.State {
        do throws(ControlError) {
            let question = "SELECT version FROM convoy_control.schema_migrations ORDER BY version LIMIT 10000"
            let rows = try await ask([PipelineStatement(question)], persistence).first?.rows ?? []
            var applied: Set<Int64> = []
            for row in rows { applied.insert(try ControlError.reading { () throws(PostgresError) in try row.int64("version") }) }
            if applied.isEmpty { return .missing }
            if applied.contains(where: { $0 > ControlSchema.newest }) { return .newer }
            return (1...max(1, ControlSchema.newest)).allSatisfy(applied.contains) ? .current : .older
        } catch {
            guard case .postgres(let error) = error, ["42P01", "3F000"].contains(error.sqlstate) else { throw error }
            return .missing
        }
    }
}
