import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import TestSupport
import Testing

@testable import ConvoyInstance

/// The admin connection is tried before the first change, in `status` too, and only where a pending migration needs it.
@Suite(.timeLimit(.minutes(3))) struct AdminCheckTests {
    private static func runner() throws -> InstanceRunner {
        InstanceRunner(
            try migrationSet([
                (1, migrationText("CREATE TABLE cars (id bigint);")), (2, migrationText("CREATE TABLE trips (id bigint);")),
                (3, migrationText("-- convoy:admin\nDO $$ BEGIN END $$;")),
            ])
        )
    }

    struct Trouble: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var words: String
        var change: @Sendable (inout ConnectionParameters, TestDatabase) -> Void
    }

    @Test(arguments: [
        Trouble(testDescription: "no such role", words: "the admin connection: ") { parameters, _ in parameters["user"] = "there_is_none" },
        Trouble(testDescription: "a wrong host", words: "the admin connection: ") { parameters, _ in
            parameters["host"] = "/tmp/there-is-none"
        },
        Trouble(testDescription: "another database", words: "the admin connection reaches another database") { parameters, _ in
            parameters["dbname"] = "postgres"
        },
        Trouble(testDescription: "no such database", words: "the admin connection: ") { parameters, _ in
            parameters["dbname"] = "there_is_none"
        },
    ]) func isFoundBeforeTheFirstChange(_ trouble: Trouble) async throws {
        let runner = try Self.runner()
        try await withDatabase { database in
            var admin = database.admin
            trouble.change(&admin, database)
            let instance = database.instance(admin: admin) { $0.connectTimeout = .seconds(10) }
            let status = await runner.status(instance)
            #expect(status.outcome == .blocked)
            #expect(status.failure?.message.hasPrefix(trouble.words) == true, "\(String(describing: status.failure))")
            #expect(status.pending.count == 3)
            let result = await runner.up(instance)
            #expect(result.outcome == .blocked)
            #expect(result.applied.isEmpty)
            // Nothing that is pending needs it.
            #expect(await runner.up(instance, to: 2).outcome == .migrated)
        }
    }

    /// An instance that is up to date is asked what it was asked before, over one connection.
    @Test func nothingPendingMeansNoQuestion() async throws {
        let runner = try Self.runner()
        try await withDatabase { database in
            #expect(await runner.up(database.instance()).outcome == .migrated)
            var admin = database.admin
            admin["user"] = "there_is_none"
            #expect(await runner.status(database.instance(admin: admin)).outcome == .upToDate)
        }
    }
}
