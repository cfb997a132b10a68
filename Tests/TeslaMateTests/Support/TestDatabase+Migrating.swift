import ConvoyCatalog
import ConvoyFleet
import ConvoyIO
import ConvoyInstance
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import TeslaMate
import TestSupport

extension TestDatabase {
    /// Changes this database by Convoy's own protocol: as its owner, an ordinary role, with the superuser as `admin`.
    ///
    /// - Parameter set: nil is the repository's own.
    func change(_ change: Change, set: MigrationSet? = nil, secrets: [String: Secret] = [:]) async throws -> InstanceResult {
        let runner = try runner(set).asking(CatalogReader.fingerprintQuestion)
        return await runner.migrate(InstanceJob(instance(secrets: secrets), change, run: "facts")) { _ in }
    }

    /// What Convoy would say of this database, without changing anything.
    func status() async throws -> InstanceStatus {
        try await runner(nil).probe(instance(secrets: [:]), for: .up(to: nil))
    }

    /// The catalogue as `convoy drift` reads it, all facts included.
    func readCatalogue() async throws -> CatalogReading {
        try await CatalogReader(runner(nil)).read(instance(secrets: [:]))
    }

    private func runner(_ set: MigrationSet?) throws -> InstanceRunner {
        InstanceRunner(set: try set ?? teslaMateSet.get(), steps: [EncryptAPITokens()])
    }

    private func instance(secrets: [String: Secret]) -> Instance {
        var settings = InstanceSettings()
        // The machine may be busy with other tests.
        settings.connectTimeout = .seconds(60)
        settings.lockTimeout = .seconds(10)
        return Instance(
            name: name,
            server: "local",
            database: name,
            connection: owner,
            admin: admin,
            secrets: secrets,
            settings: settings
        )
    }

    /// Goes up to a version, by that version alone.
    func up(to version: MigrationVersion) async throws {
        try await change(.up(to: version)).demand(.migrated, [version])
    }

    /// Goes down by one.
    func down(from version: MigrationVersion) async throws {
        try await change(.downSteps(1)).demand(.rolledBack, [version])
    }

    /// The ledger's versions, ascending.
    func ledger() async throws -> [MigrationVersion] {
        try await query("SELECT version FROM public.schema_migrations ORDER BY version").rows
            .map { row throws(PostgresError) in MigrationVersion(try row.int64("version")) }
    }
}

extension MigrationSet {
    /// The same migrations, asked nothing beforehand.
    func withoutChecks() throws -> MigrationSet { try MigrationSet(migrations) }
}

extension InstanceResult {
    /// - Throws: ``TestSupportError`` that tells what happened instead.
    func demand(_ outcome: Outcome, _ versions: [MigrationVersion]) throws {
        guard self.outcome == outcome, applied.map(\.version) == versions else {
            let ran = applied.map(\.version.description).joined(separator: ", ")
            throw TestSupportError("\(self.outcome.rawValue) after [\(ran)]: \(failure.map(String.init(describing:)) ?? "no failure")")
        }
    }
}

extension PostgresServer {
    /// A database at a version, to copy others from. It is made from the one before it among ``templateVersions``.
    func template(at version: MigrationVersion) async throws -> DatabaseTemplate {
        var base: DatabaseTemplate?
        if let before = try RecordedFacts.all.get().templateVersions.last(where: { $0 < version }) { base = try await template(at: before) }
        return try await template(named: "at_\(version)", copying: base) { database in
            let result = try await database.change(.up(to: version))
            try result.demand(.migrated, result.applied.map(\.version))
        }
    }
}

extension RecordedFacts {
    /// Where the cases begin, ascending.
    fileprivate var templateVersions: [MigrationVersion] { Set(cases.map(\.previousVersion)).sorted() }
}
