import ConvoyPostgres
import Foundation
import Glibc
import Synchronization
import TestSupport
import Testing

/// Passwords that a program prints when a connection is opened; a script stands in for the programs of Vault and its like.
@Suite(.timeLimit(.minutes(4))) struct SecretProgramCommandTests {
    private final class Count: Sendable {
        let value = Mutex(0)
    }

    /// Prints what `secret` holds, and notes the key. While the passwords are being changed, it waits.
    private static let script = """
        #!/bin/sh
        cd "${0%/*}" || exit 1
        while [ -d lock ]; do sleep 0.01; done
        echo "$1" >> asked
        cat secret

        """

    /// A fleet of databases, named `i1`, `i2`, …, whose passwords the script prints.
    private func withFleet(
        _ databases: [TestDatabase],
        migration: String = "SELECT 1;",
        ttl: String = "5m",
        script: String = Self.script,
        _ body: (_ folder: String) async throws -> Void
    ) async throws {
        var lines = [
            "version: 1", "fleet: test", "migrations: Migrations", "secret_commands: {store: {run: [./get, \"{key}\"], ttl: \(ttl)}}",
            "defaults: {host: 127.0.0.1, connect_timeout: 30s}", "instances:",
        ]
        for (index, database) in databases.enumerated() {
            lines.append(
                "  - {name: i\(index + 1), port: \(database.server.port), user: \(database.ownerName), database: \(database.name), "
                    + "password: \"${command:store:\(databases.count > 3 ? "all" : "i\(index + 1)")}\"}"
            )
        }
        lines += ["rollout:", "  waves: [{name: all, max_parallel: 3}]", "  checks: [{name: there, sql: SELECT true}]"]
        let files = [
            "fleet.yaml": lines.joined(separator: "\n") + "\n", "secret": "rotating-word-0\n",
            "Migrations/20200101000000_one.sql": "-- migrate:up\n\(migration)\n-- migrate:down\nSELECT 1;\n",
        ]
        try await withTemporaryFolder(files: files) { folder in
            try writeFile("\(folder)/get", script, mode: 0o755)
            try await body(folder)
        }
    }

    private func asked(_ folder: String) -> [String] {
        (try? String(contentsOfFile: "\(folder)/asked", encoding: .utf8))?.split(separator: "\n").map(String.init) ?? []
    }

    /// All that was kept of the runs.
    private func journal(_ folder: String) throws -> Data {
        var data = Data()
        for file in (try? FileManager.default.contentsOfDirectory(atPath: "\(folder)/.convoy")) ?? [] {
            data += try Data(contentsOf: URL(fileURLWithPath: "\(folder)/.convoy/\(file)"))
        }
        return data
    }

    /// Changes every password, and what the script prints, in one step as far as the script can see.
    private func rotate(_ databases: [TestDatabase], to number: Int, in folder: String) async throws {
        guard mkdir("\(folder)/lock", 0o700) == 0 else { throw TestSupportError("cannot lock \(folder)") }
        defer { rmdir("\(folder)/lock") }
        for database in databases {
            try await database.server.execute("ALTER ROLE \"\(database.ownerName)\" PASSWORD 'rotating-word-\(number)'")
        }
        try writeFile("\(folder)/next", "rotating-word-\(number)\n")
        guard rename("\(folder)/next", "\(folder)/secret") == 0 else { throw TestSupportError("cannot write \(folder)/secret") }
    }

    @Test func aPasswordThatRotatesDuringARunCausesNoFailedLogin() async throws {
        try await PostgresServer.shared().withDatabases(12, owner: .password("rotating-word-0")) { databases in
            try await withFleet(databases, migration: "SELECT pg_sleep(0.6);", ttl: "200ms") { folder in
                let rotations = Count()
                let result = try await withThrowingTaskGroup(of: ConvoyResult?.self) { group in
                    group.addTask { try await runConvoy(["migrate", "--yes", "--output", "json"], in: folder) }
                    group.addTask {
                        for number in 1...1000 {
                            let before = self.asked(folder).count
                            // A program that is asked has seen the last change.
                            try await eventually("the secret is asked for", within: .seconds(100)) {
                                self.asked(folder).count >= before + 3
                            }
                            try await self.rotate(databases, to: number, in: folder)
                            rotations.value.withLock { $0 = number }
                        }
                        return nil
                    }
                    let first = try await group.next() ?? nil
                    group.cancelAll()
                    // It was waiting for the next question.
                    while (try? await group.next()) != nil {}
                    return try #require(first)
                }
                #expect(result.exitCode == 0, "\(result.standardOutput) \(result.standardError)")
                let rotated = rotations.value.withLock(\.self)
                // On a busy machine connections wait together and share an answer, so that less is asked.
                #expect(rotated >= 1, "rotated \(rotated) times")
                #expect(Set(asked(folder)) == ["all"])
                for database in databases {
                    #expect(try await !database.server.isMissing("schema_migrations", in: database.name))
                }
                #expect(!(result.standardOutput + result.standardError).contains("rotating-word"))
                #expect(try journal(folder).firstRange(of: Data("rotating-word".utf8)) == nil)
            }
        }
    }

    @Test func onlyWhatIsNeededIsAskedFor() async throws {
        try await PostgresServer.shared().withDatabases(3, owner: .password("rotating-word-0")) { databases in
            try await withFleet(databases) { folder in
                let validated = try await runConvoy(["validate"], in: folder)
                #expect(validated.exitCode == 0, "\(validated)")
                #expect(
                    validated.standardOutput.contains(
                        "  secrets     3 from secret command store, not checked: it is asked when a connection is opened\n"
                    )
                )
                _ = try await runConvoy(
                    ["---completion", "status", "--", "--select", "3", "0", "convoy", "status", "--select", "name=i"],
                    in: folder
                )
                _ = try await runConvoy(["report", "--no-probe"], in: folder)
                #expect(asked(folder) == [])
                let status = try await runConvoy(["status", "--select", "name=i2"], in: folder)
                #expect(status.exitCode == 0, "\(status)")
                #expect(asked(folder) == ["i2"])
                let plan = try await runConvoy(["plan", "--out", "plan.json"], in: folder)
                #expect(plan.exitCode == 0, "\(plan)")
                #expect(asked(folder).sorted() == ["i1", "i2", "i2", "i3"])
                #expect(try !String(contentsOfFile: "\(folder)/plan.json", encoding: .utf8).contains("rotating-word"))
            }
        }
    }

    @Test func aResumedRunAsksAnew() async throws {
        try await PostgresServer.shared().withDatabases(1, owner: .password("rotating-word-0")) { databases in
            let server = databases[0].server
            let sleeping =
                "SELECT pid FROM pg_stat_activity WHERE usename = '\(databases[0].ownerName)' AND query LIKE '%pg_sleep(600)%' AND state = 'active'"
            try await withFleet(databases, migration: "SELECT pg_sleep(600);") { folder in
                let process = try ConvoyProcess(["migrate", "--yes"], in: folder)
                try await eventually("the migration runs", within: .seconds(60)) { try await server.count(sleeping) == 1 }
                process.kill()
                _ = try await process.result()
                try await rotate(databases, to: 1, in: folder)
                let before = asked(folder).count
                // It ends the session that was left, and starts the migration once more.
                let resumed = try ConvoyProcess(["resume", "--yes"], in: folder)
                try await eventually("the resumed run asks", within: .seconds(60)) { asked(folder).count > before }
                try await eventually("the migration runs again", within: .seconds(60)) { try await server.count(sleeping) == 1 }
                resumed.kill()
                _ = try await resumed.result()
                #expect(try journal(folder).firstRange(of: Data("rotating-word".utf8)) == nil)
                try await server.execute("SELECT pg_terminate_backend(pid) FROM (\(sleeping)) left_behind")
            }
        }
    }

    @Test(arguments: [
        ("#!/bin/sh\necho 'permission denied' >&2; exit 2\n", "exit code 2: permission denied"),
        ("#!/bin/sh\necho one; echo two\n", "it printed more than one line"), ("#!/bin/sh\ntrue\n", "it printed nothing"),
        ("#!/bin/sh\nyes one\n", "it wrote more than 64 KiB"),
    ]) func aProgramThatGivesNoSecretMakesItsInstancesUnreachable(_ script: String, _ reason: String) async throws {
        try await PostgresServer.shared().withDatabases(1, owner: .password("rotating-word-0")) { databases in
            try await withFleet(databases, script: script) { folder in
                let result = try await runConvoy(["status"], in: folder)
                #expect(result.exitCode != 0)
                #expect(result.standardOutput.contains("secret command store gave no secret for “i1”: \(reason)"), "\(result)")
                #expect(result.standardOutput.contains("run the program of the secret command as the user of convoy"), "\(result)")
            }
        }
    }

    /// The program is in a session of its own, so that no signal of the terminal reaches it.
    @Test(
        arguments: [
            "echo $$ > pid.new; mv pid.new pid; exec sleep 57",
            "trap '' TERM; echo $$ > pid.new; mv pid.new pid; sleep 57 & wait; sleep 57",
        ],
        [true, false]
    ) func aProgramEndsWithTheProcessThatAsksIt(_ script: String, _ isTerminated: Bool) async throws {
        let files = [
            "fleet.yaml": """
            version: 1
            migrations: Migrations
            secret_commands: {store: {run: [./get, "{key}"], timeout: 5m}}
            instances:
              - {name: a, host: 127.0.0.1, port: 1, user: a, database: a, password: "${command:store:a}"}

            """,
            "Migrations/20200101000000_one.sql": "-- migrate:up\nSELECT 1;\n-- migrate:down\nSELECT 1;\n",
        ]
        try await withTemporaryFolder(files: files) { folder in
            try writeFile("\(folder)/get", "#!/bin/sh\ncd \"${0%/*}\" || exit 1\n\(script)\n", mode: 0o755)
            let process = try ConvoyProcess(["status"], in: folder)
            try await eventually("the program runs", within: .seconds(60)) { leader(folder) != nil }
            let program = try #require(leader(folder))
            if isTerminated { process.terminate() } else { process.interrupt() }
            let result = try await process.result()
            #expect(result.exitCode == 130, "\(result)")
            try await eventually("the program has ended") { isGone(program) }
        }
    }

    /// The process id that the script has written.
    private func leader(_ folder: String) -> pid_t? {
        guard let text = try? String(contentsOfFile: "\(folder)/pid", encoding: .utf8) else { return nil }
        return pid_t(text.filter(\.isNumber))
    }

    private func isGone(_ process: pid_t) -> Bool {
        guard let status = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8) else { return true }
        return status.contains(") Z ")
    }

    @Test func aProgramThatIsNotThereIsReportedBeforeAnythingIsAsked() async throws {
        try await PostgresServer.shared().withDatabases(1, owner: .password("rotating-word-0")) { databases in
            try await withFleet(databases) { folder in
                for mode in [0o600, nil] as [mode_t?] {
                    if let mode { #expect(chmod("\(folder)/get", mode) == 0) } else { #expect(unlink("\(folder)/get") == 0) }
                    let result = try await runConvoy(["validate"], in: folder)
                    #expect(result.exitCode == 78)
                    #expect(
                        result.standardError.contains(
                            "secret command store: program ./get does not exist or is not executable by this user"
                        ),
                        "\(result)"
                    )
                }
            }
        }
    }
}

extension PostgresServer {
    /// The number of rows of a query that the superuser asks.
    fileprivate func count(_ sql: String) async throws -> Int { try await rows(sql, database: "postgres") }

    /// Whether a database lacks a table.
    fileprivate func isMissing(_ table: String, in database: String) async throws -> Bool {
        try await rows("SELECT 1 FROM pg_class WHERE relname = '\(table)'", database: database) == 0
    }

    private func rows(_ sql: String, database: String) async throws -> Int {
        let connection = try await PostgresConnection.connect(superuser(database: database), timeout: .seconds(30))
        defer { connection.close() }
        return try await connection.query(sql).rows.count
    }
}
