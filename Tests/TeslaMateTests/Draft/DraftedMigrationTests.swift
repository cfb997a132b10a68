import ConvoyCatalog
import ConvoyKit
import ConvoyMigrations
import ConvoyRun
import ConvoyText
import FoundationEssentials
import TeslaMate
import TestSupport
import Testing

/// The newest migrations, as `convoy new --from-database` drafts them from a database that has gone through the real one.
@Suite(.timeLimit(.minutes(10))) struct DraftedMigrationTests {
    private static let newest = MigrationArgument.all.suffix(10)
    private static let directory = "\(repositoryRoot)/Migrations"

    private static let expected = Result { () throws(Problems) -> ExpectedCatalogs in
        guard let set = try? teslaMateSet.get() else { throw Problems([]) }
        return try ExpectedCatalogs.load(of: set.migrations.map(\.version), directory: directory, displayedAs: "Migrations")
    }

    /// A copy of the set with the migrations below a version.
    private func withSet<Value>(below version: MigrationVersion, _ body: (String) async throws -> Value) async throws -> Value {
        try await withTemporaryFolder { folder in
            try FileManager.default.createDirectory(atPath: "\(folder)/catalogue", withIntermediateDirectories: true)
            for migration in try teslaMateSet.get().migrations where migration.version < version {
                let name = try #require(migration.file.split(separator: "/").last)
                try FileManager.default.copyItem(atPath: "\(Self.directory)/\(name)", toPath: "\(folder)/\(name)")
                let facts = "catalogue/\(migration.version).facts"
                try FileManager.default.copyItem(atPath: "\(Self.directory)/\(facts)", toPath: "\(folder)/\(facts)")
            }
            return try await body(folder)
        }
    }

    private func catalog(_ database: TestDatabase) async throws -> Catalog {
        guard case .facts(let catalog) = try await database.readCatalogue().content else { throw TestSupportError("no facts") }
        return catalog
    }

    @Test(arguments: PostgresServer.Release.tested, newest)
    func itGivesTheSameCatalogueUpAndDown(release: PostgresServer.Release, migration: MigrationArgument) async throws {
        let version = migration.version
        let server = try await PostgresServer.shared(release)
        let expected = try Self.expected.get()
        let earlier = try #require(expected.versions.last { $0 < version })
        let (before, after) = (try #require(expected[earlier]), try #require(expected[version]))
        let template = try await server.template(named: "drafts_\(earlier)") { database in
            let result = try await database.change(.up(to: earlier))
            try result.demand(.migrated, result.applied.map(\.version))
        }
        try await withSet(below: version) { folder in
            let set = try MigrationSet.load(directory: folder, displayedAs: "Migrations")
            let draft = try await server.withDatabase(template: template) { database in
                try await database.up(to: version)
                return try await DatabaseDraft.read(
                    set,
                    steps: [EncryptAPITokens()],
                    directory: folder,
                    displayedAs: "Migrations",
                    from: database.owner
                )
            }
            #expect(draft.version == earlier)
            #expect(draft.newVersion == version)
            guard before != after else {
                #expect(draft.isEmpty)
                return
            }
            try NewMigration(
                named: "drafted",
                in: folder,
                displayedAs: "Migrations",
                version: draft.newVersion,
                at: Date(),
                sections: draft.sections
            ).write()
            let drafted = try MigrationSet.load(directory: folder, displayedAs: "Migrations")
            try await server.withDatabase(template: template) { database in
                try await database.change(.up(to: version), set: drafted).demand(.migrated, [version])
                let up = try await catalog(database)
                #expect(up.differences(from: after, in: .all) == [], "\(draft.sections.up)")
                #expect(up.fingerprint == after.fingerprint)
                try await database.change(.downSteps(1), set: drafted).demand(.rolledBack, [version])
                let down = try await catalog(database)
                // Where the order of columns cannot come back, the draft says so.
                let differences = down.differences(from: before, in: .all).filter { difference in
                    !draft.gaps.contains("the columns of \(difference.object) cannot be put into their order without losing values")
                }
                #expect(differences == [], "\(draft.sections.down)")
            }
        }
    }

    @Test func nothingDiffersFromTheNewestVersion() async throws {
        let set = try teslaMateSet.get()
        try await PostgresServer.shared().withDatabase { database in
            let result = try await database.change(.up(to: nil))
            try result.demand(.migrated, result.applied.map(\.version))
            let draft = try await DatabaseDraft.read(
                set,
                steps: [EncryptAPITokens()],
                directory: Self.directory,
                displayedAs: "Migrations",
                from: database.owner
            )
            #expect(draft.isEmpty)
            #expect(draft.newVersion == nil && draft.otherBodies == [])

            // TeslaMate's bodies differ from ours and do the same: a draft leaves them alone, and says so.
            try await database.execute([
                "CREATE OR REPLACE FUNCTION convert_km(n numeric, unit text) RETURNS numeric LANGUAGE sql AS $$ SELECT n $$"
            ])
            let other = try await DatabaseDraft.read(
                set,
                steps: [EncryptAPITokens()],
                directory: Self.directory,
                displayedAs: "Migrations",
                from: database.owner
            )
            #expect(other.isEmpty)
            #expect(other.otherBodies == ["public.convert_km(numeric, text)"])
        }
    }
}
