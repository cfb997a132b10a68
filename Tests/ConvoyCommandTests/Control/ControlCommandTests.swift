import ConvoyJournal
import ConvoyPostgres
import ConvoyRun
import Foundation
import Glibc
import TestSupport
import Testing

/// Runs in a control database, as operators on several machines use it: each folder stands for one.
@Suite(.timeLimit(.minutes(5)))
struct ControlCommandTests {
    /// A fleet whose runs are in a control database, its last one, in as many folders as there are machines.
    private func withFleet(
        on release: PostgresServer.Release = .system,
        instances: Int = 2,
        machines: Int = 2,
        waves: [String] = ["{name: all}"],
        hooks: [String] = [],
        _ body: (_ folders: [String], _ control: TestDatabase, _ databases: [TestDatabase]) async throws -> Void
    ) async throws {
        try await PostgresServer.shared(release).withDatabases(instances + 1) { databases in
            let control = databases[instances]
            func add(_ folders: [String]) async throws {
                guard folders.count < machines else {
                    return try await body(folders, control, Array(databases.prefix(instances)))
                }
                try await ConvoyCommandTests.withFleet(Array(databases.prefix(instances)), waves: waves) { folder in
                    let path = "\(folder)/fleet.yaml"
                    let text = try String(contentsOfFile: path, encoding: .utf8)
                    let hooks = hooks.isEmpty ? "" : "  hooks:\n" + hooks.map { "    \($0): [touch, \($0)]\n" }.joined()
                    try (text + hooks + "control: ${env:CONVOY_CONTROL_URL}\n").write(toFile: path, atomically: true, encoding: .utf8)
                    try await add(folders + [folder])
                }
            }
            try await add([])
        }
    }

    private func url(_ control: TestDatabase, user: String? = nil) -> String {
        "host=\(control.server.socketFolder) port=\(control.server.port) user=\(user ?? control.ownerName) dbname=\(control.name)"
    }

    private func convoy(_ arguments: [String], _ control: TestDatabase, user: String? = nil, in folder: String) async throws -> ConvoyResult
    {
        try await runConvoy(arguments, environment: ["CONVOY_CONTROL_URL": url(control, user: user)], in: folder)
    }

    private func start(_ arguments: [String], _ control: TestDatabase, in folder: String) throws -> ConvoyProcess {
        let process = try ConvoyProcess(arguments, environment: ["CONVOY_CONTROL_URL": url(control)], in: folder)
        process.closeInput()
        return process
    }

    @Test(arguments: PostgresServer.Release.tested)
    func aRunIsSeenFromEveryMachine(_ release: PostgresServer.Release) async throws {
        try await withFleet(on: release) { folders, control, databases in
            let none = try await convoy(["runs"], control, in: folders[1])
            #expect(
                none.standardOutput.hasPrefix("no runs yet in \(control.server.socketFolder)/"),
                "\(none.standardOutput)\(none.standardError)"
            )
            let migrated = try await convoy(["migrate", "--yes", "--output", "json"], control, in: folders[0])
            #expect(migrated.exitCode == 0, "\(migrated.standardError)")
            let run = try #require(try jsonObject(migrated)["run"] as? String)
            for folder in folders {
                let listed = try jsonObject(try await convoy(["runs", "--output", "json"], control, in: folder))
                let runs = try #require(listed["runs"] as? [[String: Any]])
                #expect(runs.map { $0["run"] as? String } == [run])
                #expect(runs.first?["status"] as? String == "succeeded")
                let shown = try await convoy(["runs", "show", run], control, in: folder)
                #expect(shown.standardOutput.contains("alice") && shown.standardOutput.contains("migrated"), "\(shown.standardError)")
                for command in [["report", "--no-probe"], ["status"], ["history", "alice"], ["runs", "durations"], ["describe", "bob"]] {
                    let result = try await convoy(command, control, in: folder)
                    #expect(result.exitCode == 0, "\(command): \(result.standardError)")
                }
                // Nothing of the runs is on the machine.
                #expect(!FileManager.default.fileExists(atPath: "\(folder)/.convoy"))
            }
            // Each migration once.
            for database in databases {
                #expect(try await database.query("SELECT version FROM schema_migrations").rows.count == 2)
            }
            let undone = try await convoy(["rollback", "--yes", "--run", run], control, in: folders[1])
            #expect(undone.exitCode == 0, "\(undone.standardError)")
            let pruned = try await convoy(["runs", "prune", "--keep", "1", "--yes"], control, in: folders[1])
            #expect(pruned.exitCode == 0, "\(pruned.standardError)")
        }
    }

    @Test func whatIsAskedOnOneMachineReachesTheRunOnAnother() async throws {
        let waves = ["{name: first, select: ring=r0, gate: {approve: true, every: 1s}}", "{name: last}"]
        try await withFleet(waves: waves) { folders, control, databases in
            let first = try start(["migrate", "--yes"], control, in: folders[0])
            await first.wait { $0.standardError.contains("waiting for") }
            let active = try await convoy(["runs"], control, in: folders[1])
            #expect(active.standardOutput.contains("running"), "\(active.standardError)")

            // Two runs of one fleet are refused as on one machine.
            let second = try await convoy(["migrate", "--yes"], control, in: folders[1])
            #expect(second.exitCode == 64)
            #expect(second.standardError.contains("is active"), "\(second.standardError)")
            let resumed = try await convoy(["resume", "--yes"], control, in: folders[1])
            #expect(resumed.exitCode == 64, "\(resumed.standardError)")

            let words = first.snapshot.standardError.split { $0.isWhitespace }
            let run = String(words[try #require(words.firstIndex(of: "run")) + 1])
            for command in [["pause", "127.0.0.9"], ["approve"], ["wait", run, "--timeout", "60s"]] {
                let result = try await convoy(command, control, in: folders[1])
                #expect(result.exitCode == (command[0] == "pause" ? 64 : 0), "\(command): \(result.standardError)")
            }
            #expect(try await first.result().exitCode == 0)
            #expect(try await databases[1].query("SELECT 1 FROM schema_migrations").rows.count == 2)
            let shown = try await convoy(["runs", "show", "latest"], control, in: folders[1])
            #expect(shown.standardOutput.contains("approved"), "\(shown.standardOutput)")
        }
    }

    /// A process that is gone: its lease ends, and another machine continues.
    @Test func aRunWhoseMachineIsGoneIsResumedOnAnother() async throws {
        let waves = ["{name: first, select: ring=r0, gate: {approve: true, every: 1s}}", "{name: last}"]
        try await withFleet(waves: waves) { folders, control, databases in
            let first = try start(["migrate", "--yes"], control, in: folders[0])
            await first.wait { $0.standardError.contains("waiting for") }
            first.kill()
            _ = try? await first.result()
            // Until its lease has ended it may still be there.
            let early = try await convoy(["resume", "--yes"], control, in: folders[1])
            #expect(early.exitCode != 0)
            try await eventually("the lease is over", within: .seconds(60)) {
                try await convoy(["runs"], control, in: folders[1]).standardOutput.contains("cut off")
            }
            let second = try start(["resume", "--yes"], control, in: folders[1])
            await second.wait { $0.standardError.contains("waiting for") }
            #expect(try await convoy(["approve"], control, in: folders[0]).exitCode == 0)
            let result = try await second.result()
            #expect(result.exitCode == 0, "\(result.standardError)")
            for database in databases {
                #expect(try await database.query("SELECT 1 FROM convoy.migration_log").rows.count == 2)
            }
        }
    }

    /// All instances are done, and the journal cannot be written any more: a success that others see as a run that was cut off is no success.
    @Test func aRunWhoseEndIsNotRecordedIsNoSuccess() async throws {
        try await withFleet { folders, control, databases in
            let path = "\(folders[0])/fleet.yaml"
            let fleet = try String(contentsOfFile: path, encoding: .utf8)
            try (fleet + "journal_keep: 1\n").write(toFile: path, atomically: true, encoding: .utf8)
            for command in [["migrate", "--to", "20200101000000"], ["migrate"], ["rollback", "--steps", "1"]] {
                let earlier = try await convoy(command + ["--yes"], control, in: folders[1])
                #expect(earlier.exitCode == 0, "\(command): \(earlier.standardError)")
            }
            let runs = try await control.query("SELECT id FROM convoy_control.runs").rows.count
            try await control.execute([
                """
                CREATE FUNCTION public.trouble() RETURNS trigger LANGUAGE plpgsql AS
                $$BEGIN RAISE 'could not extend file' USING ERRCODE = 'disk_full'; END$$
                """,
                """
                CREATE TRIGGER trouble BEFORE INSERT ON convoy_control.events FOR EACH ROW
                WHEN (NEW.type IN ('wave_finished', 'run_finished')) EXECUTE FUNCTION public.trouble()
                """,
            ])
            let migrated = try await convoy(["migrate", "--yes"], control, in: folders[0])
            #expect(migrated.exitCode == 1, "\(migrated.standardError)")
            #expect(migrated.standardOutput.contains("migrated"), "\(migrated.standardOutput)")
            let run = try #require(migrated.standardError.firstMatch(of: #/the end of run (\S+) could not be recorded: journal /#)?.1)
            #expect(migrated.standardError.contains("the disk is full"), "\(migrated.standardError)")
            #expect(migrated.standardError.contains("how these instances ended is not recorded: "), "\(migrated.standardError)")
            #expect(migrated.standardError.contains("run: convoy resume \(run)\n"), "\(migrated.standardError)")
            // Nothing was removed by itself.
            #expect(try await control.query("SELECT id FROM convoy_control.runs").rows.count == runs + 1)
            try await control.execute(["DROP TRIGGER trouble ON convoy_control.events"])
            let resumed = try await convoy(["resume", String(run), "--yes"], control, in: folders[0])
            #expect(resumed.exitCode == 0, "\(resumed.standardError)")
            #expect(try await convoy(["runs", "show", String(run)], control, in: folders[1]).standardOutput.contains("succeeded"))
            #expect(try await control.query("SELECT id FROM convoy_control.runs").rows.count < runs + 1)
        }
    }

    /// A process that was stopped for longer than its lease, and whose run another machine has taken over, changes nothing more.
    @Test func aProcessThatSleptPastItsLeaseIsToldWhoHasTheRun() async throws {
        let waves = ["{name: first, select: ring=r0, gate: {approve: true, every: 1s}}", "{name: last}"]
        try await withFleet(waves: waves, hooks: ["before_run", "after_run"]) { folders, control, databases in
            let first = try start(["migrate", "--yes"], control, in: folders[0])
            await first.wait { $0.standardError.contains("waiting for") }
            Glibc.kill(first.processID, SIGSTOP)
            try await eventually("the lease is over", within: .seconds(60)) {
                try await convoy(["runs"], control, in: folders[1]).standardOutput.contains("cut off")
            }
            let second = try start(["resume", "--yes"], control, in: folders[1])
            await second.wait { $0.standardError.contains("waiting for") }
            #expect(try await convoy(["approve"], control, in: folders[1]).exitCode == 0)
            #expect(try await second.result().exitCode == 0)
            Glibc.kill(first.processID, SIGCONT)
            let late = try await first.result()
            #expect(late.exitCode == 2, "\(late.standardError)")
            #expect(late.standardError.contains("was taken over by") || late.standardError.contains("was removed"), "\(late.standardError)")
            // The other process has run the hook, reported, and knows what comes next.
            #expect(late.standardOutput == "")
            #expect(!late.standardError.contains("halted") && !late.standardError.contains("then run"), "\(late.standardError)")
            let ran = folders.map { folder in ["before_run", "after_run"].map { FileManager.default.fileExists(atPath: "\(folder)/\($0)") }
            }
            #expect(ran[0] == [true, false])
            #expect(ran[1][1])
            for database in databases {
                #expect(try await database.query("SELECT 1 FROM convoy.migration_log").rows.count == 2)
            }
        }
    }

    /// The machine of a run is suspended; on another one the operator rolls back what it did. When it wakes up, it migrates nothing again.
    @Test func aProcessThatSleptDoesNotUndoWhatCameAfterIt() async throws {
        let waves = ["{name: first, select: ring=r0, gate: {approve: true, every: 1s}}", "{name: last}"]
        try await withFleet(waves: waves) { folders, control, databases in
            let first = try start(["migrate", "--yes"], control, in: folders[0])
            await first.wait { $0.standardError.contains("waiting for") }
            Glibc.kill(first.processID, SIGSTOP)
            try await eventually("the lease is over", within: .seconds(60)) {
                try await convoy(["runs"], control, in: folders[1]).standardOutput.contains("cut off")
            }
            let back = try await convoy(["rollback", "--yes", "--steps", "1", "--now"], control, in: folders[1])
            #expect(back.exitCode == 0, "\(back.standardError)")
            let before = try await databases[0].query("SELECT version FROM schema_migrations").rows.count
            Glibc.kill(first.processID, SIGCONT)
            let late = try await first.result()
            #expect(late.exitCode == 2, "\(late.standardError)")
            #expect(late.standardError.contains("was removed") || late.standardError.contains("was taken over"), "\(late.standardError)")
            #expect(try await databases[0].query("SELECT version FROM schema_migrations").rows.count == before)
            #expect(try await databases[1].query("SELECT 1 FROM pg_class WHERE relname = 'schema_migrations'").rows.isEmpty)
            #expect(before == 1)
        }
    }

    // MARK: Several servers

    /// Of several hosts, wherever they are named, the one that takes writes is found, unless the operator says otherwise.
    @Test func aStandbyIsPassedOverWhereverTheHostsAreNamed() async throws {
        let standby = try await PostgresServer.start()
        try await PostgresServer.shared(.system).withDatabases(1) { databases in
            let control = databases[0]
            try await standby.execute("CREATE DATABASE \"\(control.name)\" OWNER \(control.ownerName)")
            try await standby.becomeStandby()
            let (hosts, ports) = ("127.0.0.1,127.0.0.1", "\(standby.port),\(control.server.port)")
            let service = "[control]\nhost=\(hosts)\nport=\(ports)\nuser=\(control.ownerName)\ndbname=\(control.name)\n"
            try await withTemporaryFolder(files: ["services": service]) { folder in
                let cases = [
                    ("postgresql://?service=control&", ["PGSERVICEFILE": "\(folder)/services"]),
                    ("postgresql://?", ["PGSERVICEFILE": "\(folder)/services", "PGSERVICE": "control"]),
                    ("postgresql://\(control.ownerName)@/\(control.name)?", ["PGHOST": hosts, "PGPORT": ports]),
                ]
                for (url, environment) in cases {
                    let chosen = try await runConvoy(
                        ["control", "prepare", "--journal", url + "target_session_attrs=any"],
                        environment: environment,
                        in: folder
                    )
                    #expect(chosen.standardError.contains("read-only"), "\(url): \(chosen.standardError)")
                    let found = try await runConvoy(
                        ["control", "prepare", "--journal", String(url.dropLast())],
                        environment: environment,
                        in: folder
                    )
                    #expect(found.exitCode == 0, "\(url): \(found.standardError)")
                }
            }
            #expect(try await control.query("SELECT FROM convoy_control.runs").rows.isEmpty)
        }
    }

    // MARK: Rights

    /// The recipe of docs/control-database.md, statement by statement, makes a control database in which only its two roles are.
    @Test(arguments: PostgresServer.Release.tested)
    func whatThePageSaysMakesAControlDatabase(_ release: PostgresServer.Release) async throws {
        let page = try DocumentationPage("docs/control-database.md")
        let recipe = try #require(page.blocks("sql").first { $0.contains("CREATE DATABASE convoy ") })
        let preparation = try #require(page.blocks("sh").first { $0.contains("convoy control prepare") })
        try await withFleet(on: release) { folders, control, _ in
            let (server, name) = (control.server, "\(control.name)_recipe")
            func named(_ text: String) -> String {
                text.replacing("convoy_owner", with: "\(name)_owner").replacing("convoy_worker", with: "\(name)_worker")
                    .replacing("DATABASE convoy ", with: "DATABASE \(name) ")
                    .replacing("@db-1/convoy", with: "@127.0.0.1:\(server.port)/\(name)?sslmode=disable")
            }
            for statement in named(recipe).split(separator: ";\n") { try await server.execute(String(statement)) }
            let words = named(preparation).split { $0.isWhitespace }.map(String.init)
            #expect(words.first == "convoy")
            let prepared = try await runConvoy(Array(words.dropFirst()), in: folders[0])
            #expect(prepared.exitCode == 0, "\(prepared.standardError)")
            func url(_ user: String) -> String { "postgresql://\(user)@127.0.0.1:\(server.port)/\(name)?sslmode=disable" }
            for command in [["migrate", "--yes"], ["runs"], ["runs", "show"]] {
                let result = try await runConvoy(command, environment: ["CONVOY_CONTROL_URL": url("\(name)_worker")], in: folders[1])
                #expect(result.exitCode == 0, "\(command): \(result.standardError)")
            }
            let stranger = try await runConvoy(["runs"], environment: ["CONVOY_CONTROL_URL": url(control.ownerName)], in: folders[1])
            #expect(stranger.exitCode == 78, "\(stranger.standardError)")
            #expect(stranger.standardError.contains("the login is refused: "), "\(stranger.standardError)")
            #expect(stranger.standardError.contains("give the role CONNECT on the database"), "\(stranger.standardError)")
            let session = try await PostgresConnection.connect(
                server.parameters(user: "\(name)_worker", database: name),
                applicationName: "convoy-tests",
                timeout: .seconds(30)
            )
            do {
                _ = try await session.query("CREATE TEMPORARY TABLE t (x int)")
                Issue.record("the role for daily work created a table")
            } catch {
                #expect("\(error)".contains("permission denied"), "\(error)")
            }
            session.close()
            try await server.execute(
                "DROP DATABASE \(name) WITH (FORCE)",
                "DROP ROLE \(name)_owner",
                "DROP ROLE \(name)_worker"
            )
        }
    }

    /// What docs/control-database.md gives a role is enough for everything, and not for the tables themselves.
    @Test(arguments: PostgresServer.Release.tested)
    func theLeastRightsAreEnough(_ release: PostgresServer.Release) async throws {
        try await withFleet(on: release) { folders, control, _ in
            let role = "\(control.name)_worker"
            try await control.server.execute("CREATE ROLE \(role) LOGIN")
            let without = try await convoy(["migrate", "--yes"], control, user: role, in: folders[0])
            #expect(without.exitCode == 78)
            #expect(without.standardError.contains("it has no tables of Convoy"), "\(without.standardError)")
            #expect(without.standardError.contains("convoy control prepare"), "\(without.standardError)")
            for _ in 0..<2 {
                let prepared = try await convoy(["control", "prepare", "--grant-to", role], control, in: folders[0])
                #expect(prepared.exitCode == 0, "\(prepared.standardError)")
                #expect(prepared.standardOutput.hasSuffix(": the tables are ready, and \(role) may use them\n"))
            }
            let migrated = try await convoy(["migrate", "--yes"], control, user: role, in: folders[0])
            #expect(migrated.exitCode == 0, "\(migrated.standardError)")
            for command in [
                ["runs"], ["runs", "show"], ["rollback", "--yes", "--steps", "1"], ["runs", "prune", "--keep", "1", "--yes"],
            ] {
                let result = try await convoy(command, control, user: role, in: folders[1])
                #expect(result.exitCode == 0, "\(command): \(result.standardError)")
            }
            await #expect(throws: (any Error).self) {
                try await control.execute(["ALTER TABLE convoy_control.runs ADD COLUMN x int"], as: role)
            }
            await #expect(throws: (any Error).self) {
                try await control.execute(["DELETE FROM convoy_control.schema_migrations"], as: role)
            }
            try await control.execute(["DROP OWNED BY \(role)"], as: "postgres")
            try await control.server.execute("DROP ROLE \(role)")
        }
    }

    // MARK: Bad input

    @Test func aControlDatabaseThatCannotBeReachedIsNamedWithoutItsPassword() async throws {
        let refused = try RefusedPort()
        try await withTemporaryFolder(files: Files.fleet(Files.fleetText + "control: ${env:CONVOY_CONTROL_URL}\n")) { folder in
            let environment = ["CONVOY_CONTROL_URL": "postgresql://convoy:hunter2@127.0.0.1:\(refused.port)/runs"]
            for command in [["runs"], ["migrate", "--yes"], ["stop"], ["runs", "copy"]] {
                let result = try await runConvoy(command, environment: environment, in: folder)
                #expect(result.exitCode == (command == ["runs", "copy"] ? 64 : 78), "\(command): \(result.standardError)")
                #expect(!result.standardError.contains("hunter2"))
                if command != ["runs", "copy"] {
                    #expect(
                        result.standardError.contains("journal 127.0.0.1:\(refused.port)/runs: cannot be reached"),
                        "\(result.standardError)"
                    )
                }
            }
            let missing = try await runConvoy(["runs"], in: folder)
            #expect(missing.exitCode == 78)
            #expect(missing.standardError.contains("CONVOY_CONTROL_URL is not set"), "\(missing.standardError)")
        }
    }

    @Test(arguments: [
        (["runs", "--journal", "postgresql://convoy:hunter2@127.0.0.1:1/runs"], "an argument must not contain a password"),
        (["runs", "--journal", "postgresql://%zz"], "not a URL that libpq understands"),
        (["runs", "copy", "--to", "elsewhere.sqlite"], "runs are copied into a control database"),
        (["runs", "copy"], "the fleet file names no control database"),
        (["control", "prepare"], "this is a file, and not a control database"),
    ])
    func whatCannotBeMeantIsRefused(_ arguments: [String], _ words: String) async throws {
        try await withTemporaryFolder(files: Files.fleet()) { folder in
            let result = try await runConvoy(arguments, in: folder)
            #expect(result.exitCode == 78 || result.exitCode == 64, "\(result.standardError)")
            #expect(result.standardError.contains(words), "\(result.standardError)")
            #expect(!result.standardError.contains("hunter2"))
        }
    }
}
