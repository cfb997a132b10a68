import ConvoyMigrations
import TestSupport
import Testing

/// Each migration, up: after it the catalogue is what TeslaMate's own migrator makes of it.
@Suite(.timeLimit(.minutes(10))) struct UpTests {
    /// All versions, one after the other, in one database.
    private static let walks = SharedWork<Walk<CatalogFacts>> { server in
        let versions = try RecordedFacts.all.get().versions
        return try await server.withDatabase { database in
            await Walk.over(versions) { version in
                try await database.up(to: version)
                return try await CatalogFacts(of: database)
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
        let difference = found.difference(from: try RecordedFacts.all.get().catalogue(at: migration.version))
        try #require(difference.isEmpty, "\(difference)")
        print("✔ \(migration.testDescription) up on PostgreSQL \(try await PostgresServer.shared(release).major)")
    }

    @Test(arguments: PostgresServer.Release.tested)
    func theNewestVersionEqualsTheFinalFacts(release: PostgresServer.Release) async throws {
        let facts = try RecordedFacts.all.get()
        let newest = try #require(facts.versions.last)
        let difference = try await Self.walks.value(on: release).finding(at: newest).difference(from: facts.newest)
        #expect(difference.isEmpty, "\(difference)")
    }
}
