import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import Foundation
import TestSupport
import Testing

@testable import ConvoyInstance

/// Each hint with a statement, followed to the letter in the state in which it is shown.
@Suite(.timeLimit(.minutes(3))) struct AdviceTests {
    @Test(arguments: PostgresServer.Release.tested) func aSchemaThatWasDropped(release: PostgresServer.Release) async throws {
        let runner = InstanceRunner(try threeMigrations())
        try await PostgresServer.shared(release).withDatabase { database in
            try await database.execute(["DROP SCHEMA public CASCADE"], as: "postgres")
            let failure = try #require(await runner.up(database.instance()).failure)
            #expect(failure.kind == .blocked)
            #expect(failure.sqlstate == nil, "no server gave one")
            let hint = try #require(failure.hint)
            let statement = try #require(hint.firstMatch(of: /as a DBA: ([^;]*);/)?.1)
            try await database.execute([String(statement)], as: "postgres")
            #expect(await runner.up(database.instance()).outcome == .migrated)
        }
    }

    @Test(arguments: PostgresServer.Release.tested) func aSchemaWithoutTheRightToCreate(release: PostgresServer.Release) async throws {
        let runner = InstanceRunner(try threeMigrations())
        try await PostgresServer.shared(release).withDatabase(owner: .unique) { database in
            let role = "\(database.name) \"app"
            let quoted = "\"\(database.name) \"\"app\""
            try await database.server.execute("CREATE ROLE \(quoted) LOGIN")
            try await database.execute(["REVOKE ALL ON SCHEMA public FROM PUBLIC"], as: "postgres")
            let instance = database.instance(connection: database.parameters(user: role)) { $0.audit = .journalOnly }
            let failure = try #require(await runner.up(instance).failure)
            let statement = try #require(failure.hint?.firstMatch(of: /as a DBA: (GRANT .*)/)?.1)
            try await database.execute([String(statement)], as: "postgres")
            #expect(await runner.up(instance).outcome == .migrated)
            try await database.execute(["DROP OWNED BY \(quoted) CASCADE"], as: "postgres")
            try await database.server.execute("DROP ROLE \(quoted)")
        }
    }

    /// A server's own trouble is no fault of the schema.
    @Test(arguments: [
        ("XX001", "backup"), ("XX002", "REINDEX"), ("53100", "disk is full"), ("53200", "out of memory"), ("53400", "temp_file_limit"),
        ("57P01", "ended the session"), ("58030", "disk"), ("22021", "encoding"), ("22P05", "encoding"), ("XX000", "server's message"),
        ("42P01", "the schema does not match"), ("42703", "the schema does not match"), ("42883", "the schema does not match"),
        ("42704", "the schema does not match"),
    ]) func ofAPreflightCheckThatTheServerRefuses(sqlstate: String, words: String) {
        let hint = Preflight.hint(for: ServerMessage(severity: "ERROR", sqlstate: sqlstate, message: "m"))
        #expect(hint.contains(words), "\(hint)")
        #expect(hint.contains("the schema does not match") == sqlstate.hasPrefix("42"))
    }

    /// The first that reads a damaged index is a preflight check.
    @Test func aDamagedIndex() async throws {
        let reading = SQLStatement(text: "SELECT 'no car' FROM cars WHERE id = -1 ORDER BY id", line: 1)
        let set = try MigrationSet(
            try threeMigrations().migrations,
            checks: [
                MigrationCheck(
                    version: MigrationVersion(2),
                    file: "Migrations/checks/2.sql",
                    queries: [MigrationCheck.Query(statement: reading)]
                )
            ]
        )
        let server = try await PostgresServer.start(settings: ["autovacuum": "off"])
        try await server.withDatabase(owner: .superuser) { database in
            let runner = InstanceRunner(set)
            #expect(await runner.up(database.instance(), to: 1).outcome == .migrated)
            try await database.execute(["INSERT INTO cars SELECT generate_series(1, 5000)", "ANALYZE cars"])
            let row = try await database.query(
                "SELECT current_setting('data_directory') || '/' || pg_relation_filepath('cars_pkey') AS path"
            ).onlyRow()
            let path = try row.text("path")
            try await server.stop(.fast)
            let file = try FileHandle(forUpdating: URL(filePath: path))
            try file.seek(toOffset: 24)
            try file.write(contentsOf: Data(repeating: 0xFF, count: 8100))
            try file.close()
            try await server.start()
            let failure = try #require(await runner.status(database.instance()).failure)
            #expect(failure.sqlstate?.hasPrefix("XX") == true, "\(failure)")
            #expect(failure.hint?.contains("damaged") == true, "\(failure)")
            #expect(failure.hint?.contains("schema") == false)
        }
    }
}
