import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import TestSupport
import Testing

/// Rows: each case gives what TeslaMate's own migrator made of them.
@Suite(.timeLimit(.minutes(10))) struct CaseTests {
    /// TeslaMate writes its clock there.
    static let clockColumns: [MigrationVersion: Set<String>] = [MigrationVersion(20190731154452): ["inserted_at", "updated_at"]]

    /// All but those of the token encryption, whose result is random.
    static let cases = (try? RecordedFacts.all.get().cases.filter { $0.version != TokenEncryptionTests.version }) ?? []

    @Test func thereAreCases() throws {
        #expect(try RecordedFacts.all.get().cases.count == 37)
        #expect(Self.cases.count == 35)
    }

    @Test(arguments: PostgresServer.Release.tested, cases)
    func theRowsAreTheRecordedOnes(release: PostgresServer.Release, migrationCase: MigrationCase) async throws {
        try await PostgresServer.shared(release).withDatabase(at: migrationCase.previousVersion) { database in
            try await database.execute(migrationCase.preparation)
            for table in migrationCase.before { try await database.expect(table) }
            try await change(database, .up(to: migrationCase.version), migrationCase.up, .migrated)
            let clocks = Self.clockColumns[migrationCase.version] ?? []
            for table in migrationCase.after { try await database.expect(table, leavingOut: clocks) }
            guard let down = migrationCase.down else { return }
            try await database.execute(migrationCase.interlude)
            try await change(database, .downSteps(1), down, .rolledBack)
            for table in migrationCase.afterDown { try await database.expect(table) }
        }
    }

    /// Changes the database by one migration, or sees that the refusal is the one expected and changes nothing: in preflight going up, and
    /// where nobody checks before.
    private func change(
        _ database: TestDatabase,
        _ change: Change,
        _ expectation: MigrationCase.Expectation,
        _ outcome: Outcome
    ) async throws {
        switch expectation {
        case .success:
            let result = try await database.change(change)
            #expect(result.outcome == outcome, "\(String(describing: result.failure))")
            #expect(result.applied.count == 1)
        case .refusal(let sqlstate):
            let before = try await DatabaseContents(of: database)
            if change.direction == .up {
                let refused = try await database.change(change)
                #expect(refused.outcome == .blocked, "\(refused)")
                #expect(try await DatabaseContents(of: database) == before)
            }
            let result = try await database.change(change, set: try teslaMateSet.get().withoutChecks())
            #expect(result.outcome == .failed)
            #expect(result.applied.isEmpty)
            let failure = try #require(result.failure)
            #expect(failure.sqlstate != nil, "\(failure)")
            if let sqlstate { #expect(failure.sqlstate == sqlstate, "\(failure)") }
            #expect(failure.file != nil && failure.line != nil)
            #expect(try await DatabaseContents(of: database) == before)
        }
    }

    /// 20190731154452 writes the time: UTC, both columns the same.
    @Test func theSettingsRowIsDatedInUTC() async throws {
        let version = MigrationVersion(20190731154452)
        let previous = try RecordedFacts.all.get().migrationCase(named: version.description).previousVersion
        try await PostgresServer.shared().withDatabase(at: previous) { database in
            try await database.useDistantTimeZone()
            try await database.up(to: version)
            let row = try await database.query(
                """
                SELECT inserted_at = updated_at AS equal,
                    (clock_timestamp() AT TIME ZONE 'UTC') - inserted_at BETWEEN interval '-1 second' AND interval '1 minute' AS now
                FROM public.settings
                """
            ).onlyRow()
            #expect(try row.bool("equal"))
            #expect(try row.bool("now"))
        }
    }
}

extension PostgresServer {
    /// Lends a new database that stands at a version.
    func withDatabase<Value>(at version: MigrationVersion, _ body: (TestDatabase) async throws -> Value) async throws -> Value {
        try await withDatabase(template: try await template(at: version), body)
    }
}

extension TestDatabase {
    /// Sessions of this database are in a time zone that is far from UTC, and not by whole hours.
    func useDistantTimeZone() async throws {
        try await execute(["ALTER DATABASE \"\(name)\" SET timezone = 'Asia/Kathmandu'"])
    }
}
