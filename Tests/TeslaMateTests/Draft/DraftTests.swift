import ConvoyCatalog
import ConvoyMigrations
import ConvoyPostgres
import ConvoyText
import TestSupport
import Testing

/// What is written from the facts of the set's versions, on real servers.
@Suite(.timeLimit(.minutes(10))) struct DraftTests {
    private static let expected = Result { () throws(Problems) -> ExpectedCatalogs in
        guard let set = try? teslaMateSet.get() else { throw Problems([]) }
        return try ExpectedCatalogs.load(
            of: set.migrations.map(\.version),
            directory: "\(repositoryRoot)/Migrations",
            displayedAs: "Migrations"
        )
    }

    /// Every version on Debian's release, and some on the others.
    private static let cases: [(PostgresServer.Release, MigrationArgument)] = PostgresServer.Release.tested.enumerated().flatMap {
        number,
        release in
        MigrationArgument.all.enumerated().filter { number == 0 || $0.offset % 13 == 12 || $0.offset == 104 }.map { (release, $0.element) }
    }

    private func catalog(_ database: TestDatabase) async throws -> Catalog {
        guard case .facts(let catalog) = try await database.readCatalogue().content else { throw TestSupportError("no facts") }
        return catalog
    }

    /// In one transaction. The functions of earthdistance name types of their own schema without it, so that the path must have it. An administrator makes the extensions: one of them is not trusted.
    private func run(_ draft: SchemaDraft, on database: TestDatabase) async throws {
        let statements = draft.statements
        try await run(statements.filter { $0.hasPrefix("CREATE EXTENSION ") }, on: database, as: "postgres")
        try await run(statements.filter { !$0.contains(" EXTENSION ") }, on: database)
        try await run(statements.filter { $0.hasPrefix("DROP EXTENSION ") }, on: database, as: "postgres")
    }

    private func run(_ statements: [String], on database: TestDatabase, as user: String? = nil) async throws {
        guard !statements.isEmpty else { return }
        let connection = try await database.connect(as: user)
        defer { connection.close() }
        for statement in ["SET search_path TO pg_catalog, public", "BEGIN"] + statements + ["COMMIT"] {
            do throws(PostgresError) {
                try await connection.query(statement)
            } catch {
                throw TestSupportError("\(error.message): \(statement)")
            }
        }
    }

    /// From nothing to the version, then to the version before it and back.
    @Test(arguments: cases) func theCatalogueIsTheExpectedOne(release: PostgresServer.Release, migration: MigrationArgument) async throws {
        let expected = try Self.expected.get()
        let wanted = try #require(expected[migration.version])
        let earlier = expected.versions.last { $0 < migration.version }.flatMap { expected[$0] }
        try await PostgresServer.shared(release).withDatabase { database in
            let empty = try await catalog(database)
            let whole = SchemaDraft(from: empty, to: wanted)
            try #require(whole.gaps == [])
            try await run(whole, on: database)
            let made = try await catalog(database)
            #expect(made.differences(from: wanted, in: .all) == [])
            #expect(made.fingerprint == wanted.fingerprint)
            guard let earlier else { return }

            let down = SchemaDraft(from: made, to: earlier)
            try await run(down, on: database)
            let before = try await catalog(database)
            try expectEqual(before, earlier, but: down)
            let up = SchemaDraft(from: before, to: wanted)
            try await run(up, on: database)
            try expectEqual(try await catalog(database), wanted, but: up)

            // Up, from exactly the version before.
            try await PostgresServer.shared(release).withDatabase { other in
                try await run(SchemaDraft(from: try await catalog(other), to: earlier), on: other)
                let step = SchemaDraft(from: earlier, to: wanted)
                #expect(step.gaps == [])
                try await run(step, on: other)
                let again = try await catalog(other)
                #expect(again.differences(from: wanted, in: .all) == [])
                #expect(again.fingerprint == wanted.fingerprint)
            }
        }
    }

    /// The one thing that cannot be had without losing values is the order of columns, and then the draft says so.
    private func expectEqual(_ found: Catalog, _ wanted: Catalog, but draft: SchemaDraft) throws {
        let tables = draft.lines.compactMap { if case .columnOrder(let table) = $0 { table } else { nil } }
        #expect(draft.gaps.count == tables.count, "\(draft.gaps)")
        let differences = found.differences(from: wanted, in: .all)
        #expect(differences.allSatisfy { $0.kind == .table && tables.contains($0.object) }, "\(differences)\n\(draft.text)")
        #expect(!differences.isEmpty || found.fingerprint == wanted.fingerprint)
    }
}
