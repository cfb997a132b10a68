import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
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

    @Test(arguments: PostgresServer.Release.tested, MigrationArgument.all)
    func theCatalogueEqualsTheFacts(release: PostgresServer.Release, migration: MigrationArgument) async throws {
        let found = try await Self.walks.value(on: release).finding(at: migration.version)
        let difference = found.catalogue.difference(from: try RecordedFacts.all.get().catalogue(at: migration.version))
        try #require(difference.isEmpty, "\(difference)")
        print("✔ \(migration.testDescription) up on PostgreSQL \(try await PostgresServer.shared(release).major)")
    }

    /// No preflight check is at a loss with any version's tables, and none finds fault with what TeslaMate itself puts there.
    @Test(arguments: PostgresServer.Release.tested, MigrationArgument.all)
    func theChecksPass(release: PostgresServer.Release, migration: MigrationArgument) async throws {
        let status = try await Self.walks.value(on: release).finding(at: migration.version).status
        let newest = try #require(RecordedFacts.all.get().versions.last)
        #expect(status.outcome == (migration.version == newest ? .upToDate : .pending), "\(String(describing: status.failure))")
    }

    @Test(arguments: PostgresServer.Release.tested)
    func theNewestVersionEqualsTheFinalFacts(release: PostgresServer.Release) async throws {
        let facts = try RecordedFacts.all.get()
        let newest = try #require(facts.versions.last)
        let difference = try await Self.walks.value(on: release).finding(at: newest).catalogue.difference(from: facts.newest)
        #expect(difference.isEmpty, "\(difference)")
    }
}
