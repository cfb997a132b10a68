import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import TestSupport
import Testing

/// A database that another tool left at any version, with nothing but the ledger to tell, is adopted and finished.
@Suite(.timeLimit(.minutes(15))) struct AdoptionTests {
    private struct Finding {
        let result: InstanceResult
        let catalogue: CatalogFacts
        /// `VERSION INSERTED_AT`, as the other tool left them and at the end.
        let (ledgerBefore, ledgerAfter): ([String], [String])
        /// What Convoy itself wrote down of its work, in order.
        let logged: [MigrationVersion]
        /// Versions whose time in the ledger is not the UTC time of their migration, cut to the second.
        let mistimed: [MigrationVersion]

        init(adopting database: TestDatabase) async throws {
            try await database.execute(["DROP SCHEMA convoy CASCADE"])
            try await database.useDistantTimeZone()
            ledgerBefore = try await Self.ledger(of: database)
            result = try await database.change(.up(to: nil))
            catalogue = try await CatalogFacts(of: database)
            ledgerAfter = try await Self.ledger(of: database)
            guard !result.applied.isEmpty else {
                (logged, mistimed) = ([], [])
                return
            }
            let log = try await database.query(
                """
                SELECT l.version, m.inserted_at BETWEEN date_trunc('second', l.started_at AT TIME ZONE 'UTC')
                    AND (l.started_at AT TIME ZONE 'UTC') + (l.duration_ms + 1) * interval '1 millisecond' AS is_timely
                FROM convoy.migration_log l JOIN public.schema_migrations m USING (version)
                WHERE l.direction = 'up' ORDER BY l.started_at
                """
            ).rows
            logged = try log.map { row throws(PostgresError) in MigrationVersion(try row.int64("version")) }
            mistimed = try log.filter { row throws(PostgresError) in try !row.bool("is_timely") }
                .map { row throws(PostgresError) in MigrationVersion(try row.int64("version")) }
        }

        private static func ledger(of database: TestDatabase) async throws -> [String] {
            try await database.query("SELECT version || ' ' || inserted_at AS line FROM public.schema_migrations ORDER BY version").rows
                .map { row throws(PostgresError) in try row.text("line") }
        }
    }

    /// One database goes through all versions; at each a copy of it is adopted.
    private static let walks = SharedWork<Walk<Finding>> { server in
        let versions = try RecordedFacts.all.get().versions
        return try await server.withDatabase { database in
            await Walk.over(versions) { version in
                try await database.up(to: version)
                return try await server.withDatabase(template: database.asTemplate) { try await Finding(adopting: $0) }
            }
        }
    }

    @Test(arguments: MigrationArgument.all)
    func aDatabaseAtAnyVersionIsFinished(migration: MigrationArgument) async throws {
        let facts = try RecordedFacts.all.get()
        let pending = facts.versions.filter { $0 > migration.version }
        let found = try await Self.walks.value(on: .system).finding(at: migration.version)
        #expect(found.result.outcome == (pending.isEmpty ? .upToDate : .migrated), "\(String(describing: found.result.failure))")
        #expect(found.result.from == migration.version)
        #expect(found.result.to == facts.versions.last)
        #expect(found.result.applied.map(\.version) == pending)
        let difference = found.catalogue.difference(from: facts.newest)
        #expect(difference.isEmpty, "\(difference)")
        #expect(found.ledgerAfter.compactMap { MigrationVersion($0.prefix(14)) } == facts.versions)
        #expect(found.ledgerAfter.starts(with: found.ledgerBefore), "what the other tool wrote stays")
        #expect(found.logged == pending)
        #expect(found.mistimed.isEmpty)
    }
}
