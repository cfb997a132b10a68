import ConvoyPostgres
import Foundation
import TestSupport
import Testing

/// `convoy init` as a program: a file that `validate` accepts, without a secret, and never an overwritten one.
@Suite(.timeLimit(.minutes(2)))
struct InitCommandTests {
    /// A folder with a migration set and without a fleet file.
    private func withSet(_ files: [String: String] = [:], _ body: (_ folder: String) async throws -> Void) async throws {
        var all = Files.fleet().merging(files) { $1 }
        all["fleet.yaml"] = files["fleet.yaml"]
        try await withTemporaryFolder(files: all, body)
    }

    private func fleetFile(_ folder: String) throws -> String { try String(contentsOfFile: "\(folder)/fleet.yaml", encoding: .utf8) }

    /// Runs the commands that it printed, with a value for each variable.
    private func follow(_ result: ConvoyResult, in folder: String, _ values: [String: String] = [:], expecting codes: [String: Int32])
        async throws
    {
        let lines = result.standardError.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
        var environment: [String: String] = [:]
        for line in lines where line.hasPrefix("export ") {
            let name = String(line.dropFirst("export ".count).prefix { $0 != "=" })
            environment[name] = values[name] ?? "x"
        }
        let commands = lines.filter { $0.hasPrefix("convoy ") }
        #expect(commands.count == 3)
        for command in commands {
            let words = command.split(separator: " ").dropFirst().map(String.init)
            let done = try await runConvoy(words, environment: environment, in: folder)
            #expect(done.exitCode == codes[words[0]] ?? 0, "\(command): \(done.standardError)")
        }
    }

    @Test func withoutASourceItWritesAFileToFillIn() async throws {
        try await withSet { folder in
            let made = try await runConvoy(["init"], in: folder)
            #expect(made.standardOutput == "fleet.yaml\n")
            #expect(made.exitCode == 0)
            #expect(try fleetFile(folder).hasPrefix("# yaml-language-server: $schema=.convoy/fleet-1.json\n"))
            let schema = try String(contentsOfFile: "\(folder)/.convoy/fleet-1.json", encoding: .utf8)
            #expect(schema == (try String(contentsOfFile: "\(repositoryRoot)/docs/schemas/fleet-1.json", encoding: .utf8)))
            #expect(try await runConvoy(["validate"], in: folder).exitCode == 0)
        }
    }

    @Test func anExistingFileIsNeverOverwritten() async throws {
        try await withSet(["fleet.yaml": "mine", "compose.yml": "services: {t: {image: teslamate, environment: {DATABASE_NAME: x}}}"]) {
            folder in
            for arguments in [["init"], ["init", "--compose", "compose.yml"]] {
                let refused = try await runConvoy(arguments, in: folder)
                #expect(refused.exitCode == 78)
                #expect(refused.standardOutput == "")
                #expect(refused.standardError.contains("fleet.yaml exists already"))
            }
            #expect(try fleetFile(folder) == "mine")
            let link = "\(folder)/link.yaml"
            try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "\(folder)/elsewhere.yaml")
            #expect(try await runConvoy(["init", "--fleet", "link.yaml"], in: folder).exitCode == 78)
            #expect(!FileManager.default.fileExists(atPath: "\(folder)/elsewhere.yaml"))
        }
    }

    @Test func aComposeFileBecomesAFleetThatStatusReads() async throws {
        try await PostgresServer.shared().withDatabase { database in
            let compose = """
                services:
                  teslamate:
                    image: teslamate/teslamate
                    environment:
                      DATABASE_HOST: \(database.server.socketFolder)
                      DATABASE_PORT: \(database.server.port)
                      DATABASE_NAME: \(database.name)
                      DATABASE_USER: \(database.ownerName)
                      DATABASE_PASS: hunter2
                      ENCRYPTION_KEY: hunter3

                """
            try await withSet(["compose.yml": compose]) { folder in
                let made = try await runConvoy(["init", "--compose", "compose.yml"], in: folder)
                #expect(made.exitCode == 0, "\(made.standardError)")
                let text = try fleetFile(folder)
                #expect(!text.contains("hunter"))
                #expect(text.contains("password: ${env:DATABASE_PASS}"))
                #expect(made.standardError.contains("export DATABASE_PASS="))
                try await follow(made, in: folder, expecting: [:])
            }
        }
    }

    @Test func theDatabasesOfAServerWithALedgerAreListed() async throws {
        let server = try await PostgresServer.shared()
        try await server.withDatabases(3) { databases in
            for database in databases.dropFirst() {
                try await database.execute(["CREATE TABLE schema_migrations (version bigint PRIMARY KEY, inserted_at timestamp(0))"])
            }
            try await withSet { folder in
                let user = databases[1].ownerName
                let url = "host=\(server.socketFolder) port=\(server.port) user=\(user) password=hunter2 dbname=postgres"
                let made = try await runConvoy(["init", "--from", url], in: folder)
                #expect(made.exitCode == 0, "\(made.standardError)")
                let text = try fleetFile(folder)
                #expect(!text.contains("database: \(databases[0].name)\n"))
                #expect(text.contains("left out: ") && text.contains(databases[0].name))
                for database in databases.dropFirst() {
                    #expect(text.contains("  - name: \(database.name)\n    server: "))
                    #expect(text.contains("    database: \(database.name)\n"))
                }
                #expect(text.contains("password: ${env:DATABASE_PASSWORD}"))
                #expect(!(text + made.standardOutput + made.standardError).contains("hunter2"))
                #expect(made.standardError.contains("note: the password of --from is not written to the file"))
                let validated = try await runConvoy(["validate"], environment: ["DATABASE_PASSWORD": "x"], in: folder)
                #expect(validated.exitCode == 0, "\(validated.standardError)")
                let status = try await runConvoy(
                    ["status", "--select", "name=\(databases[1].name)"],
                    environment: ["DATABASE_PASSWORD": "x"],
                    in: folder
                )
                #expect(status.exitCode == 0, "\(status.standardError)")
            }
        }
    }

    @Test func oddNamesOfDatabasesAreQuoted() async throws {
        let server = try await PostgresServer.shared()
        let mark = "i\(UInt32.random(in: 0 ... .max))"
        let names = ["my car \(mark)", "a$\(mark)", "q\"\(mark)", "true: \(mark)", "ü\(mark)", "a://\(mark)"]
        func quoted(_ name: String) -> String { name.replacing("\"", with: "\"\"") }
        for name in names { try await server.execute("CREATE DATABASE \"\(quoted(name))\" OWNER teslamate TEMPLATE template0") }
        do {
            for name in names {
                let connection = try await PostgresConnection.connect(server.superuser(database: name), timeout: .seconds(30))
                _ = try await connection.query(
                    "CREATE TABLE public.schema_migrations (version bigint PRIMARY KEY, inserted_at timestamp(0))"
                )
                connection.close()
            }
            try await withSet { folder in
                let url = "host=\(server.socketFolder) port=\(server.port) user=teslamate"
                let made = try await runConvoy(["init", "--from", url], in: folder)
                #expect(made.exitCode == 0, "\(made.standardError)")
                let text = try fleetFile(folder)
                for line in ["\"my car \(mark)\"", "\"a$$\(mark)\"", "\"q\\\"\(mark)\"", "\"true: \(mark)\"", "\"ü\(mark)\""] {
                    #expect(text.contains("    database: \(line)\n"), "\(line)")
                }
                #expect(text.contains("database “a://\(mark)” is left out: its name is a URL"))
                #expect(text.contains("  - name: my-car-\(mark)\n"))
                #expect(text.contains("its ledger belongs to role"))
                let validated = try await runConvoy(["validate"], in: folder)
                #expect(validated.exitCode == 0, "\(validated.standardError)")
            }
        } catch {
            for name in names { try? await server.execute("DROP DATABASE IF EXISTS \"\(quoted(name))\" WITH (FORCE)") }
            throw error
        }
        for name in names { try? await server.execute("DROP DATABASE IF EXISTS \"\(quoted(name))\" WITH (FORCE)") }
    }

    @Test func whatCannotBeUsedIsReportedAndNothingIsWritten() async throws {
        let port = try RefusedPort()
        let cases: [([String], Int32, String)] = [
            (["--from", "host=127.0.0.1 port=\(port.port) user=u password=hunter2"], 69, "the server cannot be asked for its databases"),
            (["--from", "mysql://u:hunter2@h/x"], 64, "--from is neither a libpq URI nor a key=value string"),
            (["--from", "postgres://h", "--compose", "compose.yml"], 64, "cannot be used together"),
            (["--compose", "none.yml"], 78, "none.yml: error: "),
            (["--compose", "compose.yml"], 78, "no service of this file runs TeslaMate"),
            (["--migrations", ""], 64, "--migrations is empty"),
            (["--fleet", "no/such/fleet.yaml"], 78, "the file cannot be created"),
        ]
        for (arguments, code, message) in cases {
            try await withSet(["compose.yml": "services: {web: {image: nginx}}"]) { folder in
                let refused = try await runConvoy(["init"] + arguments, in: folder)
                #expect(refused.exitCode == code, "\(arguments): \(refused.standardError)")
                #expect(refused.standardError.contains(message), "\(refused.standardError)")
                #expect(!refused.standardError.contains("hunter2"))
                #expect(refused.standardOutput == "")
                #expect(!FileManager.default.fileExists(atPath: "\(folder)/fleet.yaml"))
            }
        }
    }
}
