internal import ConvoyCatalog
package import ConvoyInstance
package import ConvoyMigrations
package import ConvoyPostgres
import ConvoyRun
import ConvoyText

/// Writes the catalogue of each version beside a migration set: a scratch database goes through all of them.
package struct CatalogueRecording: Sendable {
    private let set: MigrationSet
    private let runner: InstanceRunner
    private let server: ScratchServer

    /// - Parameters:
    ///   - server: a server, and a database on it to log in to, as a role that may create databases and the extensions of the set.
    ///   - steps: what the set's migrations can ask for besides SQL.
    package init(_ set: MigrationSet, steps: [any MigrationStep], server: ConnectionParameters) {
        self.set = set
        self.server = ScratchServer(server)
        // The long way is what counts.
        runner = InstanceRunner(set: set.having(checkpoints: []), steps: steps)
    }

    /// Whether a migration set has catalogues, so that a new migration needs one.
    ///
    /// - Parameter directory: that of the set.
    package static func isKept(in directory: String) -> Bool { !ExpectedCatalogs.describedVersions(in: directory).isEmpty }

    /// Applies the set step by step in a database of its own, which is dropped afterwards, and replaces the files of the folder `catalogue`.
    ///
    /// - Parameters:
    ///   - directory: that of the migrations.
    ///   - onProgress: called with each version whose catalogue was read.
    /// - Returns: how many versions there are.
    /// - Throws: why a version could not be applied or read, or a `Problem` with a file that cannot be written.
    package func write(into directory: String, onProgress: (MigrationVersion) -> Void = { _ in }) async throws -> Int {
        let catalogs = try await server.withDatabase { database in try await self.catalogs(of: database, onProgress) }
        try catalogs.write(into: directory)
        return catalogs.versions.count
    }

    private func catalogs(of database: ScratchDatabase, _ onProgress: (MigrationVersion) -> Void) async throws -> ExpectedCatalogs {
        let instance = database.instance
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
}
