import ConvoyInstance
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import TestSupport
import Testing

/// The statements in the reasons of the set's checks, followed to the letter.
@Suite(.timeLimit(.minutes(10))) struct CheckAdviceTests {
    struct Advice: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var origin: Int64
        /// As the superuser.
        var before: [String]
        /// What stands in front of the statement.
        var lead: String
        /// Whether a DBA runs it.
        var isAdministrators: Bool
    }

    @Test(
        arguments: PostgresServer.Release.tested,
        [
            Advice(
                testDescription: "no row of settings",
                origin: 20_190_805_092_941,
                before: ["DELETE FROM settings"],
                lead: "one row: ",
                isAdministrators: false
            ),
            Advice(
                testDescription: "earthdistance elsewhere",
                origin: 20_190_913_175_543,
                before: ["CREATE SCHEMA elsewhere", "CREATE EXTENSION cube", "CREATE EXTENSION earthdistance SCHEMA elsewhere"],
                lead: "looks for it in public: ",
                isAdministrators: true
            ),
            Advice(
                testDescription: "cube elsewhere",
                origin: 20_190_913_175_543,
                before: ["CREATE SCHEMA elsewhere", "CREATE EXTENSION cube SCHEMA elsewhere"],
                lead: "looks for it in public: ",
                isAdministrators: true
            ),
            Advice(
                testDescription: "no cube",
                origin: 20_240_603_152_807,
                before: ["DROP EXTENSION cube CASCADE"],
                lead: "not installed: ",
                isAdministrators: true
            ),
            Advice(
                testDescription: "no earthdistance",
                origin: 20_240_929_084_639,
                before: ["DROP EXTENSION cube CASCADE"],
                lead: "not installed: ",
                isAdministrators: true
            ),
            Advice(
                testDescription: "no right to make a schema",
                origin: 20_240_603_152_807,
                before: [
                    "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I OWNER TO postgres', current_database()); END $$",
                    "GRANT ALL ON SCHEMA public TO PUBLIC",
                ],
                lead: "as a DBA, ",
                isAdministrators: true
            ),
            Advice(
                testDescription: "a schema of another role",
                origin: 20_240_603_152_807,
                before: ["CREATE SCHEMA private"],
                lead: "as a DBA, ",
                isAdministrators: true
            ),
        ]
    )
    func isTrue(release: PostgresServer.Release, advice: Advice) async throws {
        try await PostgresServer.shared(release).withDatabase(at: MigrationVersion(advice.origin)) { database in
            try await database.execute(advice.before, as: "postgres")
            let failure = try #require(try await database.status().failure)
            #expect(failure.kind == .blocked)
            let start = try #require(failure.message.firstRange(of: advice.lead), "\(failure.message)").upperBound
            let statement = failure.message[start...].prefix { $0 != ";" }
                .replacing(", as a superuser", with: "")
            try await database.execute([String(statement)], as: advice.isAdministrators ? "postgres" : nil)
            let result = try await database.change(.up(to: nil))
            #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
        }
    }
}
