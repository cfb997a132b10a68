import ConvoyFleet
import ConvoyKit
import ConvoyPostgres
import ConvoyRun
import FoundationEssentials
import TestSupport
import Testing

@testable import ConvoyJournal

/// How the tables of a control database come about, and what a database that cannot have them says.
@Suite(.timeLimit(.minutes(3)))
struct ControlSchemaTests {
    @Test func theFilesOfTheSchemaAreSound() throws {
        let set = try ControlSchema.migrations()
        #expect(set.newest?.version.value == ControlSchema.newest)
        #expect(set.migrations.map(\.version.value) == Array(1...ControlSchema.newest))
    }

    @Test(arguments: PostgresServer.Release.tested)
    func theTablesAreMadeOnceByHoweverMany(_ release: PostgresServer.Release) async throws {
        try await PostgresServer.shared(release).withDatabase { database in
            let reader = ControlDatabase(database.owner)
            #expect(try await !reader.hasTables())
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<4 { group.addTask { try await ControlDatabase(database.owner).prepare() } }
                try await group.waitForAll()
            }
            #expect(try await reader.hasTables())
            let versions = try await database.query("SELECT version FROM convoy_control.schema_migrations ORDER BY 1").rows
            #expect(try versions.map { try $0.int64("version") } == Array(1...ControlSchema.newest))
            // Nothing else is left in the database.
            let schemas = try await database.query("SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' ORDER BY 1").rows
            #expect(try schemas.map { try $0.text("nspname") } == ["convoy_control", "information_schema", "public"])
        }
    }

    @Test(arguments: PostgresServer.Release.tested)
    func tablesOfANewerConvoyAreRefused(_ release: PostgresServer.Release) async throws {
        try await withControlDatabase(on: release) { control, database in
            try await database.execute(["INSERT INTO convoy_control.schema_migrations VALUES (999)"])
            for problem in [
                await problem({ () async throws(JournalError) in _ = try await control.hasTables() }),
                await problem({ () async throws(JournalError) in try await control.prepare() }),
            ] {
                #expect(problem?.message.contains("a newer Convoy") == true)
                #expect(problem?.path == control.place)
            }
        }
    }

    /// Machines with the older program still use them: only the operator's own command changes them, and says what that means.
    @Test func tablesOfAnOlderConvoyAreChangedOnlyOnRequest() async throws {
        try await withControlDatabase { control, database in
            let journal = ControlJournal(control)
            try await journal.begin(JournalSamples.run, plan: Data())
            try await journal.begin(JournalSamples.run("r-2"), plan: Data())
            try await journal.append([Event(at: moment(), .runFinished(status: .succeeded))], to: RunID("r-2"))
            #expect(try await control.runsBeforeUpdate().isEmpty)
            try await database.execute(["DELETE FROM convoy_control.schema_migrations WHERE version = \(ControlSchema.newest)"])
            for found in [
                await problem({ () async throws(JournalError) in try await control.prepare() }),
                await problem({ () async throws(JournalError) in _ = try await JournalPlace.control(database.owner).open() }),
            ] {
                #expect(found?.message == "its tables are those of an older Convoy")
                #expect(found?.hint?.contains("convoy control prepare") == true)
            }
            let active = try await control.runsBeforeUpdate()
            #expect(active.map(\.id) == [JournalSamples.run.id.description])
            #expect(active.map(\.startedBy) == ["ann@db-tools"])
        }
    }

    @Test func aRoleThatMayNotMakeThemSaysSo() async throws {
        try await withDatabase(owner: .unique) { database in
            try await database.server.execute("REVOKE ALL ON SCHEMA public FROM public", database: database.name)
            let control = ControlDatabase(database.parameters(user: "teslamate"))
            let found = await problem { () async throws(JournalError) in try await control.prepare() }
            #expect(found?.message == "it has no tables of Convoy")
            #expect(found?.hint?.contains("may create the schema convoy_control") == true)
        }
    }

    @Test func aDatabaseOfSomethingElseIsLeftAlone() async throws {
        try await withDatabase { database in
            try await database.execute(["CREATE TABLE cars (id int)"])
            let control = ControlDatabase(database.owner)
            let found = await problem { () async throws(JournalError) in try await control.prepare() }
            #expect(found?.message == "it holds tables of something else")
        }
    }

    @Test func whatCannotBeReachedIsNamedWithoutItsPassword() async throws {
        let silent = try SilentPort()
        var timing = ControlDatabase.Timing()
        timing.connect = .milliseconds(200)
        timing.readingPatience = .zero
        for (text, expected) in [
            ("postgresql://convoy:hunter2@127.0.0.1:\(silent.port)/runs", "cannot be reached"),
            ("postgresql://convoy:hunter2@nowhere.invalid/runs", "cannot be reached"),
        ] {
            let control = ControlDatabase(try ConnectionParameters(conninfo: text), timing: timing)
            let found = await problem { () async throws(JournalError) in _ = try await control.hasTables() }
            #expect(found?.message.contains(expected) == true, "\(String(describing: found))")
            #expect(found?.path.hasSuffix("/runs") == true)
            #expect(!"\(found.map { "\($0) \($0.hint ?? "")" } ?? "")".contains("hunter2"))
        }
    }

    @Test func aWrongPasswordIsSaid() async throws {
        try await withDatabase(owner: .password("right")) { database in
            var parameters = database.ownerOverTCP()
            parameters["password"] = "hunter2"
            let control = ControlDatabase(parameters)
            let found = await problem { () async throws(JournalError) in _ = try await control.hasTables() }
            #expect(found?.message.contains("the login is refused") == true)
            #expect(!"\(found.map { "\($0) \($0.hint ?? "")" } ?? "")".contains("hunter2"))
        }
    }

    @Test func aReadOnlyDatabaseAndAStandbySaySo() async throws {
        let server = try await PostgresServer.start()
        try await server.withDatabase { database in
            try await ControlDatabase(database.owner).prepare()
            try await database.execute(["ALTER DATABASE \"\(database.name)\" SET default_transaction_read_only = on"])
            for isStandby in [false, true] {
                if isStandby { try await server.becomeStandby() }
                let control = ControlDatabase(database.owner)
                #expect(try await control.hasTables())
                do throws(ControlError) {
                    try await control.transaction { transaction throws(ControlError) in
                        transaction.add(ControlDatabase.insertion, ["a"])
                    }
                    Issue.record("it was written")
                } catch {
                    #expect(error.journalError("x").message.contains("is read-only"))
                }
            }
        }
    }
}
