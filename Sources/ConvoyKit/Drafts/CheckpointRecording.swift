internal import ConvoyCatalog
import ConvoyIO
package import ConvoyInstance
package import ConvoyMigrations
package import ConvoyPostgres
import ConvoyRun
import ConvoyText
import FoundationEssentials

/// Writes the checkpoint of a version beside a migration set, and proves it first: what it makes of an empty database is what all migrations make.
package struct CheckpointRecording: Sendable {
    /// What was written.
    package struct Summary: Sendable, Hashable {
        /// The file as reports name it.
        package var path: String
        package var migrations: Int
        package var statements: Int
        package var rows: Int
        /// The files of older checkpoints that were removed.
        package var removed: [String]
    }

    private let set: MigrationSet
    private let steps: [any MigrationStep]
    private let server: ScratchServer

    /// What a run leaves in an empty database.
    private struct Run {
        var catalog: Catalog
        var definitions: [CatalogFact: String]
        var rows: DatabaseRows
    }

    /// A zone that no server has by itself, which makes local time differ from UTC.
    private static let oddZone = "<+05:45>-05:45"

    /// - Parameters:
    ///   - server: a server, and a database on it to log in to, as a role that may create databases and the extensions of the set.
    ///   - steps: what the set's migrations can ask for besides SQL.
    package init(_ set: MigrationSet, steps: [any MigrationStep], server: ConnectionParameters) {
        (self.set, self.steps, self.server) = (set, steps, ScratchServer(server))
    }

    /// Whether a migration set has checkpoints, so that a new migration needs a new one.
    ///
    /// - Parameter directory: that of the set.
    package static func isKept(in directory: String) -> Bool {
        let names = try? FileManager.default.contentsOfDirectory(atPath: join(directory, Checkpoint.folder))
        return names?.contains { $0.hasSuffix(".sql") } ?? false
    }

    /// Migrates two scratch databases, writes what both have in common, applies that to a third one and compares, and only then replaces the file.
    ///
    /// - Parameters:
    ///   - version: nil is the newest one.
    ///   - directory: that of the migrations.
    ///   - displayedAs: how reports name it.
    ///   - keepsOlder: whether the files of older checkpoints stay.
    /// - Throws: `Problems` of the expected catalogues, a `Problem` with a file that cannot be written, or the `Failure` that says why there is no
    ///   checkpoint.
    package func write(
        at version: MigrationVersion? = nil,
        into directory: String,
        displayedAs: String,
        keepsOlder: Bool = false
    ) async throws -> Summary {
        guard let version = version ?? set.newest?.version, set.contains(version) else {
            throw Failure(
                .failed,
                version.map { "the migration set has no version \($0)" } ?? "the migration set is empty",
                hint: "a version is the number that begins the name of a file in \(displayedAs)"
            )
        }
        let migrations = set.migrations.filter { $0.version <= version }
        let expected = try ExpectedCatalogs.load(of: set.migrations.map(\.version), directory: directory, displayedAs: displayedAs)[version]
        // Without the set's own checkpoints: the long way is what counts.
        let runner = InstanceRunner(set: try MigrationSet(migrations), steps: steps)
        let run = try await self.run(runner, timeZone: "UTC")
        guard let expected, run.catalog.fingerprint == expected.fingerprint else {
            throw Failure(
                .failed,
                "the migrations up to \(version) do not make the catalogue that \(displayedAs)/\(ExpectedCatalogs.folder) has for it",
                hint: "write that anew with `convoy catalogue`"
            )
        }
        let second = try await self.run(runner, timeZone: Self.oddZone)
        let rows = try SettledRows(run.rows, second.rows, in: expected)
        let statements = try await server.withDatabase { database in
            let statements = try await self.statements(run, rows, database, runner)
            try await prove(statements, in: database, runner, makes: run.catalog, rows, beside: second.rows)
            return statements
        }
        return try write(statements, migrations, expected, rows.rowCount, (directory, displayedAs), keepsOlder)
    }

    private func run(_ runner: InstanceRunner, timeZone: String) async throws -> Run {
        try await server.withDatabase(timeZone: timeZone) { database in
            let begin = try await clock(database)
            let result = await runner.migrate(InstanceJob(database.instance, .up(to: nil), run: "checkpoint")) { _ in }
            if let failure = result.failure { throw failure }
            let catalog = try await self.catalog(of: database, runner)
            let rows = try await database.withSession { session throws(Failure) in
                try await DatabaseRows.read(session, catalog, since: begin)
            }
            return Run(
                catalog: catalog,
                definitions: try await DefinitionReader(runner).definitions(of: catalog, in: database.instance),
                rows: rows
            )
        }
    }

    private func clock(_ database: ScratchDatabase) async throws(Failure) -> String {
        try await database.withSession { session throws(Failure) in
            do throws(PostgresError) {
                return try await DatabaseRows.clock(session)
            } catch {
                throw Failure(.failed, error.message, sqlstate: error.sqlstate)
            }
        }
    }

    private func catalog(of database: ScratchDatabase, _ runner: InstanceRunner) async throws(Failure) -> Catalog {
        guard case .facts(let catalog) = try await CatalogReader(runner).read(database.instance).content else {
            throw Failure(.failed, "the catalogue is larger than Convoy compares")
        }
        return catalog
    }

    // MARK: - The statements

    private func statements(_ run: Run, _ rows: SettledRows, _ database: ScratchDatabase, _ runner: InstanceRunner) async throws(Failure)
        -> [String]
    {
        let empty = try await catalog(of: database, runner)
        let draft = SchemaDraft(from: empty, to: run.catalog, definitions: run.definitions, for: .checkpoint)
        guard draft.gaps.isEmpty else {
            throw Failure(
                .failed,
                "a checkpoint cannot make everything that the migrations make",
                detail: draft.gaps.prefix(20).joined(separator: "\n")
            )
        }
        let statements = draft.statements + rows.statements(for: run.catalog)
        guard statements.allSatisfy(SchemaDraft.isStatement) else {
            throw Failure(.failed, "a value that the migrations leave has a line that would divide the file")
        }
        return statements
    }

    private func prove(
        _ statements: [String],
        in database: ScratchDatabase,
        _ runner: InstanceRunner,
        makes catalog: Catalog,
        _ rows: SettledRows,
        beside second: DatabaseRows
    ) async throws(Failure) {
        let begin = try await clock(database)
        try await database.withSession { session throws(Failure) in
            // As a database starts from it: functions of extensions can name types of their own schema without it.
            for statement in ["SET search_path TO public, pg_temp", "BEGIN"] + statements + ["COMMIT"] {
                do throws(PostgresError) {
                    try await session.query(statement, timeout: .seconds(60))
                } catch {
                    throw Failure(.failed, "applying the new checkpoint: \(error.message)", statement: statement, sqlstate: error.sqlstate)
                }
            }
        }
        let made = try await self.catalog(of: database, runner)
        guard made.fingerprint == catalog.fingerprint else {
            let differences = made.differences(from: catalog, in: .all).map { "\($0.change.rawValue) \($0.kind.rawValue) \($0.object)" }
            throw Failure(
                .failed,
                "the new checkpoint does not make the catalogue that the migrations make",
                detail: differences.prefix(20).joined(separator: "\n")
            )
        }
        let written = try await database.withSession { session throws(Failure) in
            try await DatabaseRows.read(session, catalog, since: begin)
        }
        guard try SettledRows(second, written, in: catalog) == rows else {
            throw Failure(.failed, "the new checkpoint does not make the rows that the migrations make")
        }
    }

    // MARK: - The file

    private func write(
        _ statements: [String],
        _ migrations: [Migration],
        _ catalog: Catalog,
        _ rows: Int,
        _ directory: (path: String, shown: String),
        _ keepsOlder: Bool
    ) throws -> Summary {
        guard let version = migrations.last?.version,
            let text = Checkpoint.render(migrations: migrations, catalogue: catalog.fingerprint, statements: statements)
        else { throw Failure(.failed, "the migration set is empty") }
        let (folder, shown) = (Self.join(directory.path, Checkpoint.folder), Self.join(directory.shown, Checkpoint.folder))
        let path = Self.join(shown, "\(version).sql")
        // Read back before it takes the place of another one.
        _ = try Checkpoint.parse(text: text, file: path)
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        } catch {
            throw Problem(file: shown, "the folder cannot be made", hint: "give this user permission to write there")
        }
        do throws(FileWriteError) {
            try replaceFile(Self.join(folder, "\(version).sql"), Array(text.utf8))
        } catch {
            throw Problem(file: path, "the file cannot be written: \(error)", hint: "give this user permission to write there")
        }
        let removed = keepsOlder ? [] : Self.removeOlder(than: version, in: folder).map { Self.join(shown, $0) }
        return Summary(path: path, migrations: migrations.count, statements: statements.count, rows: rows, removed: removed)
    }

    private static func removeOlder(than version: MigrationVersion, in folder: String) -> [String] {
        let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).filter { name in
            name.hasSuffix(".sql") && MigrationVersion(name.dropLast(4)).map { $0 < version } ?? false
        }
        return names.sorted().filter { (try? FileManager.default.removeItem(atPath: join(folder, $0))) != nil }
    }

    private static func join(_ directory: String, _ name: String) -> String {
        directory.hasSuffix("/") ? directory + name : "\(directory)/\(name)"
    }
}
