internal import ConvoyCatalog
import ConvoyFleet
package import ConvoyInstance
package import ConvoyMigrations
package import ConvoyPostgres
import ConvoyRun
import ConvoyText

/// Writes the catalogue of each version beside a migration set: a scratch database goes through all of them.
package struct CatalogueRecording: Sendable {
    private let set: MigrationSet
    private let runner: InstanceRunner
    private let server: ConnectionParameters

    /// - Parameters:
    ///   - server: a server, and a database on it to log in to, as a role that may create databases and the extensions of the set.
    ///   - steps: what the set's migrations can ask for besides SQL.
    package init(_ set: MigrationSet, steps: [any MigrationStep], server: ConnectionParameters) {
        self.set = set
        self.server = server
        runner = InstanceRunner(set: set, steps: steps)
    }

    /// Applies the set step by step in a database of its own, which is dropped afterwards, and replaces the files of the folder `catalogue`.
    ///
    /// - Parameters:
    ///   - directory: that of the migrations.
    ///   - onProgress: called with each version whose catalogue was read.
    /// - Returns: how many versions there are.
    /// - Throws: why a version could not be applied or read, or a `Problem` with a file that cannot be written.
    package func write(into directory: String, onProgress: (MigrationVersion) -> Void = { _ in }) async throws -> Int {
        let name = "convoy_catalogue_" + String(UInt64.random(in: 0 ... .max), radix: 36)
        try await execute("CREATE DATABASE \(quotedIdentifier(name)) TEMPLATE template0")
        let catalogs: ExpectedCatalogs
        do {
            catalogs = try await self.catalogs(of: name, onProgress)
        } catch {
            await drop(name)
            throw error
        }
        await drop(name)
        try catalogs.write(into: directory)
        return catalogs.versions.count
    }

    private func catalogs(of database: String, _ onProgress: (MigrationVersion) -> Void) async throws -> ExpectedCatalogs {
        var connection = server
        connection["dbname"] = database
        let instance = Instance(name: database, server: "scratch", database: database, connection: connection)
        let reader = CatalogReader(runner)
        var catalogs: [MigrationVersion: Catalog] = [:]
        for version in set.migrations.map(\.version) {
            let result = await runner.migrate(InstanceJob(instance, .up(to: version), run: "catalogue")) { _ in }
            if let failure = result.failure { throw failure }
            guard case .facts(let catalog) = try await reader.read(instance).content else {
                throw Failure(.failed, "the catalogue of \(version) is larger than Convoy compares")
            }
            catalogs[version] = catalog
            onProgress(version)
        }
        return ExpectedCatalogs(catalogs)
    }

    /// Also when the task was cancelled: nothing may stay behind.
    private func drop(_ database: String) async {
        _ = await Task { try? await execute("DROP DATABASE IF EXISTS \(quotedIdentifier(database)) WITH (FORCE)") }.value
    }

    private func execute(_ statement: String) async throws(Failure) {
        let connection: PostgresConnection
        do throws(PostgresError) {
            connection = try await PostgresConnection.connect(server, applicationName: "convoy", timeout: .seconds(10))
        } catch {
            throw Failure(.unreachable, error.message, sqlstate: error.sqlstate)
        }
        defer { connection.close() }
        do throws(PostgresError) {
            try await connection.query(statement, timeout: .seconds(60))
        } catch {
            throw Failure(.failed, error.message, sqlstate: error.sqlstate)
        }
    }
}
