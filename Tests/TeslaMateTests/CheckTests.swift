import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import TestSupport
import Testing

/// Preflight checks: what would break a migration is told before anything is changed, and nothing else is.
@Suite(.timeLimit(.minutes(15))) struct CheckTests {
    /// The server would have to be older than any that the tests have.
    private static let untried: Set = [MigrationVersion(20260411070212)]

    @Test func eachCheckIsTried() throws {
        let set = try teslaMateSet.get()
        #expect(Set(Troubles.breaking.map(\.version)).union(Self.untried) == Set(set.checks.keys))
    }

    /// The check agrees with the migration: where nobody checks before, that fails.
    @Test(arguments: PostgresServer.Release.tested, Troubles.breaking)
    func whatBreaksAMigrationBlocksIt(release: PostgresServer.Release, trouble: Trouble) async throws {
        let set = try teslaMateSet.get()
        try await PostgresServer.shared(release).withDatabase(at: trouble.origin) { database in
            try await database.execute(["DROP SCHEMA convoy CASCADE"])
            try await database.execute(trouble.statements, as: trouble.isAdministrators ? "postgres" : nil)
            let before = try await DatabaseContents(of: database)
            let result = try await database.change(.up(to: nil))
            let failure = try #require(result.failure, "\(result.outcome)")
            #expect(result.outcome == .blocked, "\(failure)")
            #expect(failure.version == trouble.version)
            #expect(failure.message.contains(try #require(trouble.reason)), "\(failure.message)")
            #expect(failure.file == set.checks[trouble.version]?.file)
            #expect(failure.line != nil)
            #expect(try await database.status().failure == failure)
            #expect(try await DatabaseContents(of: database) == before)
            let audit = try await database.query("SELECT to_regnamespace('convoy') IS NULL AS none").onlyRow().bool("none")
            #expect(audit, "not even the audit log is made")

            let unchecked = try await database.change(.up(to: trouble.version), set: try set.withoutChecks())
            if unchecked.outcome == .blocked {
                // An object in the way, which the catalogue shows without any check.
                #expect(unchecked.applied.isEmpty)
                #expect(unchecked.failure?.message.contains(/not TeslaMate's|there already/) == true, "\(unchecked)")
                return
            }
            #expect(unchecked.outcome == .failed, "\(unchecked)")
            #expect(unchecked.failure?.version == trouble.version, "\(unchecked)")
            if let sqlstate = trouble.sqlstate { #expect(unchecked.failure?.sqlstate == sqlstate, "\(unchecked)") }
        }
    }

    @Test(arguments: PostgresServer.Release.tested, Troubles.harmless)
    func whatBreaksNothingBlocksNothing(release: PostgresServer.Release, trouble: Trouble) async throws {
        try await PostgresServer.shared(release).withDatabase(at: trouble.origin) { database in
            try await database.execute(trouble.statements)
            let result = try await database.change(.up(to: trouble.version))
            #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
        }
    }

    /// A server without PostgreSQL's contrib modules: the check asks for an extension that no server has. An empty database is asked too.
    @Test(arguments: [(20190925152807, nil), (20190925152807, 20190913175543), (20240929084639, 20200401171923)] as [(Int64, Int64?)])
    func anExtensionThatTheServerDoesNotOffer(check: Int64, origin: Int64?) async throws {
        let set = try teslaMateSet.get()
        let version = MigrationVersion(check)
        let queries = try #require(set.checks[version]).queries.map { query in
            let text = query.statement.text.replacing("('earthdistance')", with: "('flatdistance')")
            return MigrationCheck.Query(
                statement: SQLStatement(text: text, line: query.statement.line),
                applied: query.applied,
                pending: query.pending
            )
        }
        let lacking = try MigrationSet(set.migrations, checks: [MigrationCheck(version: version, file: "a file", queries: queries)])
        let server = try await PostgresServer.shared()
        let template: DatabaseTemplate? = if let origin { try await server.template(at: MigrationVersion(origin)) } else { nil }
        try await server.withDatabase(template: template) { database in
            let result = try await database.change(.up(to: nil), set: lacking)
            #expect(result.outcome == .blocked, "\(result)")
            #expect(result.failure?.message.contains("does not offer the extension flatdistance") == true, "\(result)")
            #expect(result.applied.isEmpty)
        }
    }
}
