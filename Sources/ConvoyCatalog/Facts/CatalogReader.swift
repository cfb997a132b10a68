package import ConvoyFleet
package import ConvoyInstance
package import ConvoyMigrations
import ConvoyPostgres
package import ConvoyRun
import ConvoyText

/// Reads the catalogues of instances: read-only, as the role that logs in, and without the advisory lock.
package struct CatalogReader: Sendable {
    private let runner: InstanceRunner

    package init(_ runner: InstanceRunner) {
        self.runner = runner
    }

    /// Reads the catalogue of an instance with one query.
    ///
    /// - Parameter known: the fingerprint that a database at this version should have; its facts are not sent then.
    /// - Throws: why it cannot be read: no connection, a ledger that may not be read, a lock that is not free in time.
    package func read(
        _ instance: Instance,
        known: @escaping @Sendable (MigrationVersion?) -> String? = { _ in nil }
    ) async throws(Failure) -> CatalogReading {
        let (standing, result) = try await runner.askCatalogue(of: instance) { standing in
            CatalogQuery.statement(owner: standing.owner, known: known(standing.version))
        }
        do throws(PostgresError) {
            return try CatalogReading(result, at: standing.version, known: known(standing.version))
        } catch {
            throw Failure(.failed, "reading the catalogue: \(error.message)")
        }
    }

    /// What kind of database an instance is: equal for databases with the same newest version and the same schema, whatever rows they hold. Nil if it
    /// can't be read.
    package func cohort(of instance: Instance) async -> String? {
        // The facts of no database are wanted, whatever its fingerprint.
        guard let (standing, result) = try? await runner.askCatalogue(of: instance, { CatalogQuery.fingerprint(owner: $0.owner) }),
            let reading = try? CatalogReading(result, at: standing.version, known: nil), reading.isWhole
        else { return nil }
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
        /// Not sent: it has this many facts.
        case tooLarge(facts: Int)
        /// Not read: it has this many rows.
        case unread(objects: Int)
    }

    /// The name of the cohort: the version, and the fingerprint.
    package var cohort: String { "\(version?.description ?? "none") \(fingerprint)" }

    package init(version: MigrationVersion?, fingerprint: String, content: Content) {
        (self.version, self.fingerprint, self.content) = (version, fingerprint, content)
    }

    /// Whether the fingerprint is that of the whole catalogue.
    package var isWhole: Bool { if case .unread = content { false } else { true } }

    /// - Throws: `.unexpectedResult` for an answer that ``CatalogQuery`` does not give.
    init(_ result: QueryResult, at version: MigrationVersion?, known: String?) throws(PostgresError) {
        var found: QueryResult.Row?
        for row in result.rows {
            if try row.optionalText("kind") == nil { found = row }
        }
        guard let summary = found else { throw PostgresError(.unexpectedResult, "the answer has no fingerprint") }
        self.version = version
        fingerprint = try summary.text("object")
        guard fingerprint.isHexadecimal(digits: 32) else {
            throw PostgresError(.unexpectedResult, "the fingerprint is not 32 hexadecimal digits")
        }
        let objects = Int(clamping: try summary.int64("objects"))
        guard objects <= CatalogQuery.objectLimit else {
            content = .unread(objects: objects)
            return
        }
        if fingerprint == known {
            content = .known
            return
        }
        var facts: Set<CatalogFact> = []
        for row in result.rows {
            guard let kind = try row.optionalText("kind") else { continue }
            guard let kind = CatalogFact.Kind(rawValue: kind) else {
                throw PostgresError(.unexpectedResult, "the answer has a fact of an unknown kind")
            }
            facts.insert(CatalogFact(kind, try row.text("object"), try row.text("text"), detail: try row.text("detail")))
        }
        let count = Int(clamping: try summary.int64("text"))
        content = facts.isEmpty && count > 0 ? .tooLarge(facts: count) : .facts(Catalog(facts))
    }
}
