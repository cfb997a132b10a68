package import ConvoyFleet
package import ConvoyInstance
package import ConvoyMigrations
package import ConvoyPostgres
package import ConvoyRun
import ConvoyText

/// Reads the catalogues of instances: read-only, as the role that logs in, and without the advisory lock.
package struct CatalogReader: Sendable {
    private let runner: InstanceRunner

    package init(_ runner: InstanceRunner) {
        self.runner = runner
    }

    /// Reads the catalogue of an instance, with one query where the schema has only what most have.
    ///
    /// - Parameter known: the fingerprint that a database at this version should have; a catalogue that has it is not kept.
    /// - Throws: why it cannot be read: no connection, a ledger that may not be read, a lock that is not free in time.
    package func read(
        _ instance: Instance,
        known: @escaping @Sendable (MigrationVersion?) -> String? = { _ in nil }
    ) async throws(Failure) -> CatalogReading {
        try await readWithStanding(instance, known: known).reading
    }

    /// Reads the catalogue of an instance, and what its ledger and its audit log say.
    ///
    /// - Parameters:
    ///   - identifying: whether the rows of the audit log are compared with the identity of the database.
    ///   - known: as in ``read(_:known:)``, which throws the same.
    package func readWithStanding(
        _ instance: Instance,
        identifying: Bool = false,
        known: @escaping @Sendable (MigrationVersion?) -> String? = { _ in nil }
    ) async throws(Failure) -> (reading: CatalogReading, standing: CatalogueStanding) {
        try await runner.askCatalogue(of: instance, identifying: identifying) { standing, results throws(PostgresError) in
            switch try CatalogReading.step(results, at: standing.version, owner: standing.owner, known: known(standing.version)) {
            case .ask(let question): .ask(question)
            case .done(let reading): .done((reading, standing))
            }
        }
    }

    /// Asks for the fingerprint of a catalogue, for a runner that writes only where the schema is still the one that was judged.
    package static let fingerprintQuestion = FingerprintQuestion { owner, answers throws(PostgresError) in
        switch try CatalogReading.step(answers, at: nil, owner: owner, known: nil) {
        case .ask(let question): .ask(question)
        case .done(let reading): .done(reading.isWhole ? reading.fingerprint : nil)
        }
    }

    /// What kind of database an instance is: equal for databases with the same newest version and the same schema, whatever rows they hold. Nil if it
    /// can't be read.
    package func cohort(of instance: Instance) async -> String? {
        guard let reading = try? await read(instance), reading.isWhole else { return nil }
        return reading.cohort
    }
}

/// What was read of one catalogue.
package struct CatalogReading: Sendable {
    /// The newest version of the ledger; nil if it is empty or does not exist.
    package var version: MigrationVersion?
    package var fingerprint: String
    package var content: Content

    package enum Content: Sendable, Hashable {
        /// The one that was known.
        case known
        case facts(Catalog)
        /// Not read: it has more rows than ``CatalogQuery/rowLimit``.
        case tooLarge
    }

    /// The name of the cohort: the version, and the fingerprint.
    package var cohort: String { "\(version?.description ?? "none") \(fingerprint)" }

    package init(version: MigrationVersion?, fingerprint: String, content: Content) {
        (self.version, self.fingerprint, self.content) = (version, fingerprint, content)
    }

    /// Whether the fingerprint is that of the whole catalogue.
    package var isWhole: Bool { content != .tooLarge }

    /// What follows from the answers of a database. The search path must be `pg_catalog`.
    ///
    /// - Parameters:
    ///   - results: the answers so far.
    ///   - owner: the role to which everything should belong: the ledger's owner.
    /// - Throws: `.unexpectedResult` for an answer that no server gives.
    package static func step(
        _ results: [QueryResult],
        at version: MigrationVersion?,
        owner: String,
        known: String?,
        rowLimit: Int = CatalogQuery.rowLimit
    ) throws(PostgresError) -> CatalogueStep<CatalogReading> {
        guard !results.isEmpty else { return .ask(CatalogQuery.usual(rowLimit: rowLimit)) }
        guard results.allSatisfy({ $0.rows.count <= rowLimit }) else {
            // All of them look alike.
            return .done(CatalogReading(version: version, fingerprint: Catalog([]).fingerprint, content: .tooLarge))
        }
        var rows = CatalogRows()
        for result in results { try rows.add(result) }
        var builder = try CatalogBuilder(rows, owner: owner)
        try builder.build()
        guard results.count > 1 || !builder.needsMore else { return .ask(CatalogQuery.rare(owner: owner, rowLimit: rowLimit)) }
        let catalog = Catalog(builder.facts)
        let isKnown = catalog.fingerprint == known
        return .done(CatalogReading(version: version, fingerprint: catalog.fingerprint, content: isKnown ? .known : .facts(catalog)))
    }
}
