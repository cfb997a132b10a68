import ConvoyCatalog
import ConvoyInstance
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import ConvoyText
import TestSupport
import Testing

/// Each migration, up: after it the catalogue is what TeslaMate's own migrator makes of it.
@Suite(.timeLimit(.minutes(10))) struct UpTests {
    private struct Finding {
        let catalogue: CatalogFacts
        /// The same as `convoy drift` reads it.
        let read: CatalogReading
        /// What Convoy would say of the database there.
        let status: InstanceStatus
    }

    /// All versions, one after the other, in one database.
    private static let walks = SharedWork<Walk<Finding>> { server in
        let versions = try RecordedFacts.all.get().versions
        return try await server.withDatabase { database in
            await Walk.over(versions) { version in
                try await database.up(to: version)
                return Finding(
                    catalogue: try await CatalogFacts(of: database),
                    read: try await database.readCatalogue(),
                    status: try await database.status()
                )
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

    private static let expected = Result { () throws(Problems) -> ExpectedCatalogs in
        guard let set = try? teslaMateSet.get() else { throw Problems([]) }
        return try ExpectedCatalogs.load(
            of: set.migrations.map(\.version),
            directory: "\(repositoryRoot)/Migrations",
            displayedAs: "Migrations"
        )
    }

    /// The catalogue that ships with the set, on every release: drift is silent. What TeslaMate's migrator makes is equal by the test above.
    @Test(arguments: PostgresServer.Release.tested, MigrationArgument.all)
    func theExpectedCatalogueIsTheOneOfTheDatabase(release: PostgresServer.Release, migration: MigrationArgument) async throws {
        let expected = try Self.expected.get()
        let wanted = try #require(expected[migration.version])
        let read = try await Self.walks.value(on: release).finding(at: migration.version).read
        #expect(read.version == migration.version)
        guard case .facts(let found) = read.content else { throw TestSupportError("no facts") }
        let differences = found.differences(from: wanted, in: .all)
        try #require(differences.isEmpty, "\(differences)")
        #expect(read.fingerprint == wanted.fingerprint)
    }

    @Test func everyVersionIsDescribed() throws {
        let expected = try Self.expected.get()
        #expect(try expected.versions == RecordedFacts.all.get().versions)
        #expect(expected.schemas == ["public", "private"])
    }
}
