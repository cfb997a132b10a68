package import ConvoyFleet
package import ConvoyMigrations
package import ConvoyPostgres
package import ConvoyRun

/// Where an instance stands, as far as questions to its catalogue depend on it.
package struct CatalogueStanding: Sendable {
    /// The newest version of the ledger; nil if it is empty or does not exist.
    package var version: MigrationVersion?
    /// The role that owns the ledger, or would own a new one.
    package var owner: String
    /// The versions in the ledger, ascending; nil if there is no ledger.
    package var applied: [MigrationVersion]?
    /// Those that the audit log has with another checksum than the file has now.
    package var edited: [MigrationVersion] = []
    /// Whether every row of the audit log names another database; false where the database was not asked for its identity.
    package var isOfAnotherDatabase = false
}

/// What follows from the answers to questions to a catalogue.
package enum CatalogueStep<Value: Sendable>: Sendable {
    /// One more question.
    case ask(PipelineStatement)
    case done(Value)
}

extension InstanceRunner {
    /// Reads the ledger of an instance, and asks questions of its catalogue, in a read-only transaction with `pg_catalog` as the search path.
    ///
    /// - Parameters:
    ///   - identifying: whether the database is asked for its identity, to compare it with that of the audit log's rows.
    ///   - next: what follows from the answers so far; it is asked before the first one too.
    /// - Throws: why it cannot be read, with secrets masked.
    package func askCatalogue<Value>(
        of instance: Instance,
        identifying: Bool = false,
        _ next: @Sendable (CatalogueStanding, [QueryResult]) throws(PostgresError) -> CatalogueStep<Value>
    ) async throws(Failure) -> Value {
        do throws(Failure) {
            let probe = InstanceProbe(instance: instance)
            let connection = try await probe.connect()
            // The transaction only reads: it ends with the session.
            defer { connection.close() }
            let reading = try await probe.read(connection, completing: identifying ? .always : .whereNeeded { _ in false })
            let standing = CatalogueStanding(reading, set)
            do throws(PostgresError) {
                return try await connection.askCatalogue(probe.opening(on: connection)) { results throws(PostgresError) in
                    try next(standing, results)
                }
            } catch {
                let failure = Failure(error, doing: "reading the catalogue", settings: instance.settings)
                guard failure.kind == .lockBusy, connection.isOpen else { throw failure }
                if connection.transactionStatus != .idle {
                    _ = try? await connection.query("ROLLBACK", timeout: InstanceProbe.silenceTimeout)
                }
                throw await probe.naming(LockHolder.holding(tablesAgainst: "AccessShareLock"), in: failure, on: connection)
            }
        } catch {
            throw error.masked(mask)
        }
    }
}

extension CatalogueStanding {
    fileprivate init(_ reading: InstanceProbe.Reading, _ set: MigrationSet) {
        self.init(version: reading.contents?.applied.last, owner: reading.ledger.owner)
        guard let contents = reading.contents else { return }
        applied = contents.applied
        edited = set.editedVersions(checksums: contents.checksums)
        isOfAnotherDatabase = contents.beyond.claim(in: reading.facts.identity) { _ in true }?.isOfAnotherDatabase ?? false
    }
}
