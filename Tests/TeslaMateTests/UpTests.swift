import ConvoyMigrations
import ConvoyPostgres
import ConvoyRollout
import TestSupport
import Testing

/// Each migration, up: after it the catalogue is what TeslaMate's own migrator makes of it.
@Suite(.timeLimit(.minutes(10))) struct UpTests {
    private struct Finding {
        let catalogue: CatalogFacts
        /// What Convoy would say of the database there.
        let status: InstanceStatus
    }

    /// All versions, one after the other, in one database.
    private static let walks = SharedWork<Walk<Finding>> { server in
        let versions = try RecordedFacts.all.get().versions
        return try await server.withDatabase { database in
            await Walk.over(versions) { version in
                try await database.up(to: version)
                return Finding(catalogue: try await CatalogFacts(of: database), status: try await database.status())
            }
        }
    }

    @Test func theSetIsTheRecordedOne() throws {
        let versions = try RecordedFacts.all.get().versions
        #expect(versions.count == 105)
        #expect(try teslaMateSet.get().migrations.map(\.version) == versions)
        #expect(MigrationArgument.all.map(\.version) == versions)
    }

    @Test(arguments: PostgresServer.Release.allCases, MigrationArgument.all)
    func theCatalogueEqualsTheFacts(release: PostgresServer.Release, migration: MigrationArgument) async throws {
        let found = try await Self.walks.value(on: release).finding(at: migration.version)
        let difference = found.catalogue.difference(from: try RecordedFacts.all.get().catalogue(at: migration.version))
        #expect(difference.isEmpty, "\(difference)")
    }

    /// No preflight check is at a loss with any version's tables, and none finds fault with what TeslaMate itself puts there.
    @Test(arguments: PostgresServer.Release.allCases, MigrationArgument.all)
    func theChecksPass(release: PostgresServer.Release, migration: MigrationArgument) async throws {
        let status = try await Self.walks.value(on: release).finding(at: migration.version).status
        let newest = try #require(RecordedFacts.all.get().versions.last)
        #expect(status.outcome == (migration.version == newest ? .upToDate : .pending), "\(String(describing: status.failure))")
    }

    @Test(arguments: PostgresServer.Release.allCases)
    func theNewestVersionEqualsTheFinalFacts(release: PostgresServer.Release) async throws {
        let facts = try RecordedFacts.all.get()
        let newest = try #require(facts.versions.last)
        let difference = try await Self.walks.value(on: release).finding(at: newest).catalogue.difference(from: facts.newest)
        #expect(difference.isEmpty, "\(difference)")
    }

    @Test(arguments: PostgresServer.Release.allCases)
    func theLedgerHasTheShapeOfEctos(release: PostgresServer.Release) async throws {
        try await PostgresServer.shared(release).withDatabase { database in
            try await database.up(to: try #require(RecordedFacts.all.get().versions.first))
            let columns = try await database.query(
                """
                SELECT format('%s %s%s%s', attname, format_type(atttypid, atttypmod), CASE WHEN attnotnull THEN ' not null' END,
                    CASE WHEN atthasdef THEN ' default' END) AS shape
                FROM pg_attribute WHERE attrelid = 'public.schema_migrations'::regclass AND attnum > 0
                UNION ALL
                SELECT conname || ' ' || pg_get_constraintdef(oid)
                FROM pg_constraint WHERE conrelid = 'public.schema_migrations'::regclass AND contype <> 'n'
                """
            ).rows.map { row throws(PostgresError) in try row.text("shape") }
            let shape: Set = [
                "version bigint not null", "inserted_at timestamp(0) without time zone", "schema_migrations_pkey PRIMARY KEY (version)",
            ]
            #expect(Set(columns) == shape)
        }
    }
}
