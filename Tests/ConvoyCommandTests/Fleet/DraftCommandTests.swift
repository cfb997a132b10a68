import ConvoyPostgres
import Foundation
import TestSupport
import Testing

/// `convoy checkpoint` and `convoy new --from-database` as programs.
@Suite(.timeLimit(.minutes(5)))
struct DraftCommandTests {
    private static let files = [
        "Migrations/20200101000000_cars.sql": """
        -- migrate:up
        CREATE TABLE cars (id bigserial PRIMARY KEY, name text);
        INSERT INTO cars (name) VALUES ('first');
        -- migrate:down
        DROP TABLE cars;

        """
    ]

    private static func server() async throws -> (PostgresServer, conninfo: String) {
        let server = try await PostgresServer.shared()
        return (server, "host=\(server.socketFolder) port=\(server.port) user=postgres dbname=postgres")
    }

    @Test func aCheckpointIsWrittenAndValidated() async throws {
        let (_, conninfo) = try await Self.server()
        try await withTemporaryFolder(files: Self.files) { folder in
            #expect(try await runConvoy(["catalogue", conninfo], in: folder).exitCode == 0)
            let written = try await runConvoy(["checkpoint", conninfo], in: folder)
            #expect(written.exitCode == 0, "\(written.standardError)")
            #expect(written.standardOutput == "Migrations/checkpoints/20200101000000.sql\n")
            #expect(written.standardError == "1 migration in 6 statements with 1 row; proved in a scratch database\n")
            let file = try String(contentsOfFile: "\(folder)/Migrations/checkpoints/20200101000000.sql", encoding: .utf8)
            #expect(file.hasPrefix("-- convoy checkpoint 1\n-- version: 20200101000000\n-- migrations: 1 "))
            let missing = try await runConvoy(["checkpoint", conninfo, "--at", "20200101000001"], in: folder)
            #expect(missing.exitCode == 64)
            #expect(missing.standardError.contains("the migration set has no version 20200101000001"))
        }
    }

    @Test(arguments: [
        ["checkpoint", "postgresql://postgres:secret-word@localhost/x"],
        ["new", "x", "--directory", "Migrations", "--from-database", "password=secret-word"],
    ])
    func aPasswordOnTheCommandLineIsRefused(arguments: [String]) async throws {
        try await withTemporaryFolder(files: Self.files) { folder in
            let refused = try await runConvoy(arguments, in: folder)
            #expect(refused.exitCode == 64)
            #expect(refused.standardError.contains("PGPASSWORD"))
            #expect(!(refused.standardError + refused.standardOutput).contains("secret-word"))
        }
    }

    @Test func aServerThatIsNotThereIsUnreachable() async throws {
        try await withTemporaryFolder(files: Self.files) { folder in
            let (_, conninfo) = try await Self.server()
            #expect(try await runConvoy(["catalogue", conninfo], in: folder).exitCode == 0)
            let nowhere = "host=\(folder) user=postgres dbname=postgres"
            #expect(try await runConvoy(["checkpoint", nowhere], in: folder).exitCode == 69)
            #expect(try await runConvoy(["new", "x", "--directory", "Migrations", "--from-database", nowhere], in: folder).exitCode == 69)
        }
    }

    /// The next command drops what a killed one left.
    @Test func nothingIsLeftOfAKilledCommand() async throws {
        let server = try await PostgresServer.start()
        let conninfo = "host=\(server.socketFolder) port=\(server.port) user=postgres dbname=postgres"
        func scratch() async throws -> [String] {
            let connection = try await PostgresConnection.connect(server.superuser(), timeout: .seconds(30))
            defer { connection.close() }
            return try await connection.query("SELECT datname FROM pg_database WHERE datname LIKE 'convoy%'").rows.map {
                try $0.text("datname")
            }
        }
        try await withTemporaryFolder(files: Self.files) { folder in
            try writeFile(
                "\(folder)/Migrations/20200102000000_slow.sql",
                "-- migrate:up\nSELECT pg_sleep(60);\n-- migrate:down\n-- convoy:irreversible a test\n"
            )
            let process = try ConvoyProcess(["catalogue", conninfo], in: folder)
            try await eventually("the scratch database is there") { try await !scratch().isEmpty }
            process.kill()
            _ = try? await process.result()
            try writeFile(
                "\(folder)/Migrations/20200102000000_slow.sql",
                "-- migrate:up\nSELECT 1;\n-- migrate:down\n-- convoy:irreversible a test\n"
            )
            try await eventually("the server has noticed", within: .seconds(100)) {
                _ = try await runConvoy(["catalogue", conninfo], in: folder)
                return try await scratch().isEmpty
            }
        }
    }

    @Test func aMigrationIsDrafted() async throws {
        let (server, conninfo) = try await Self.server()
        try await withTemporaryFolder(files: Self.files) { folder in
            #expect(try await runConvoy(["catalogue", conninfo], in: folder).exitCode == 0)
            try await server.withDatabase { database in
                try await database.execute([
                    "CREATE TABLE cars (id bigserial PRIMARY KEY, name text)",
                    "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, inserted_at timestamp(0))",
                    "INSERT INTO schema_migrations VALUES (20200101000000, now())",
                ])
                let url = "postgresql://\(database.ownerName)@/\(database.name)?host=\(server.socketFolder)&port=\(server.port)"
                let arguments = ["new", "add_plate", "--directory", "Migrations", "--version", "20270214103000", "--from-database", url]
                let same = try await runConvoy(arguments, in: folder)
                #expect(same.exitCode == 0)
                #expect(same.standardOutput == "")
                #expect(same.standardError == "nothing differs from version 20200101000000; no file was made\n")

                try await database.execute([
                    "ALTER TABLE cars ADD plate text", "CREATE INDEX \"pl\u{1B}[31mate\n\" ON cars (plate)",
                    "CREATE AGGREGATE \"su\u{1B}[2Jm\" (int) (SFUNC = int4pl, STYPE = int)",
                ])
                let made = try await runConvoy(arguments, in: folder)
                #expect(made.standardOutput == "Migrations/20270214103000_add_plate.sql\n", "\(made.standardError)")
                #expect(made.standardError.contains("note: 4 differences are not in the statements"))
                #expect(made.standardError.contains("\n  convoy catalogue SERVER    to describe the new version\n"))
                #expect(!made.standardError.contains("convoy checkpoint"))
                #expect(!made.standardError.contains("\u{1B}"))
                let file = try String(contentsOfFile: "\(folder)/Migrations/20270214103000_add_plate.sql", encoding: .utf8)
                #expect(file.contains("ALTER TABLE public.cars ADD COLUMN plate text;\n"))
                #expect(file.contains("-- Not written: function public.\"su\\u{1B}[2Jm\"(integer)"))
                #expect(file.contains("ALTER TABLE public.cars DROP COLUMN plate;\n"))
                #expect(!file.contains("\u{1B}"))
                let again = try await runConvoy(arguments, in: folder)
                #expect(again.exitCode == 64)
                #expect(again.standardError.contains("the name add_plate is taken"))
            }
        }
    }

    /// Its statements would drop what the set makes.
    @Test func aDatabaseThatIsBehindIsRefused() async throws {
        let (server, conninfo) = try await Self.server()
        try await withTemporaryFolder(files: Self.files) { folder in
            #expect(try await runConvoy(["catalogue", conninfo], in: folder).exitCode == 0)
            try await server.withDatabase { database in
                func draft(_ name: String) async throws -> ConvoyResult {
                    let url = "postgresql://\(database.ownerName)@/\(name)?host=\(server.socketFolder)&port=\(server.port)"
                    return try await runConvoy(["new", "x", "--directory", "Migrations", "--from-database", url], in: folder)
                }
                let empty = try await draft(database.name)
                #expect(empty.exitCode == 64)
                #expect(empty.standardError.contains("error: the database has no ledger (`schema_migrations`)"))
                try await database.execute(["CREATE TABLE schema_migrations (version bigint PRIMARY KEY, inserted_at timestamp(0))"])
                let behind = try await draft(database.name)
                #expect(behind.exitCode == 64)
                #expect(behind.standardError.contains("the database lacks 1 migration of the set (the newest is 20200101000000)"))
                #expect(behind.standardError.contains("hint: name a database that the next release has migrated"))
                let none = try await draft("no_such_database")
                #expect(none.exitCode == 69)
                #expect(!none.standardError.contains("fleet file"))
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: "\(folder)/Migrations").count == 2)
        }
    }
}
