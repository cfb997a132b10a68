package import ConvoyFleet
package import ConvoyMigrations
package import ConvoyPostgres
package import ConvoyRun

/// Where an instance stands, as far as a question to its catalogue depends on it.
package struct CatalogueStanding: Sendable {
    /// The newest version of the ledger; nil if it is empty or does not exist.
    package var version: MigrationVersion?
    /// The role that owns the ledger, or would own a new one.
    package var owner: String
}

extension InstanceRunner {
    /// Reads the ledger of an instance, and asks one question of its catalogue, in a read-only transaction with `pg_catalog` as the search path.
    ///
    /// - Throws: why it cannot be read, with secrets masked.
    package func askCatalogue(
        of instance: Instance,
        _ question: @Sendable (CatalogueStanding) -> PipelineStatement
    ) async throws(Failure) -> (standing: CatalogueStanding, result: QueryResult) {
        do throws(Failure) {
            let probe = InstanceProbe(instance: instance)
            let connection = try await probe.connect()
            defer { connection.close() }
            let reading = try await probe.read(connection, completing: .whereNeeded { _ in false })
            let standing = CatalogueStanding(version: reading.contents?.applied.last, owner: reading.ledger.owner)
            // Of a new database the server has no statistics. Then it would compile the query, which takes a hundred times as long as to run it, or
            // join by nested loops.
            let opening =
                probe.opening(on: connection) + ["jit TO off", "enable_nestloop TO off"].map { PipelineStatement("SET LOCAL \($0)") }
            do throws(PostgresError) {
                let results = try await connection.transaction(opening + [question(standing), PipelineStatement("COMMIT")])
                guard opening.count < results.count else { throw PostgresError(.unexpectedResult, "the server skipped a statement") }
                return (standing, results[opening.count])
            } catch {
                let failure = Failure(error, doing: "reading the catalogue", settings: instance.settings)
                guard failure.kind == .lockBusy, connection.isOpen else { throw failure }
                throw await probe.naming(LockHolder.holding(tablesAgainst: "AccessShareLock"), in: failure, on: connection)
            }
        } catch {
            throw error.masked(mask)
        }
    }
}
