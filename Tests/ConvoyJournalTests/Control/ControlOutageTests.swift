import ConvoyIO
import ConvoyKit
import ConvoyPostgres
import ConvoyRun
import FoundationEssentials
import TestSupport
import Testing

@testable import ConvoyJournal

/// A control database that goes away more than once, comes back as another server, or answers late.
@Suite(.timeLimit(.minutes(3)))
struct ControlOutageTests {
    private let run = JournalSamples.run

    /// A run under way, with one event, whose database has gone away.
    private func withLostDatabase(
        _ configure: (inout ControlDatabase.Timing) -> Void,
        _ body: (ControlJournal, FaultProxy) async throws -> Void
    ) async throws {
        try await withProxiedJournal(configure) { journal, proxy, _ in
            let lock = try await journal.lock(run.id)
            #expect(await append(0..<1, to: journal) == nil)
            proxy.set(mode: .refuse)
            proxy.cutAll()
            try await body(journal, proxy)
            await lock.release()
        }
    }

    // MARK: Writing

    /// The answer to a COMMIT is lost; what was in doubt is settled, and the events after it are refused; then all are given once more.
    @Test func eventsAreWrittenOnceAlsoAfterASecondTrouble() async throws {
        try await withProxiedJournal({ $0.patience = .milliseconds(100) }) { journal, proxy, database in
            // Without a lock: its renewals would meet the same proxy.
            #expect(await append(0..<2, to: journal) == nil)
            proxy.set(mode: .refuse)
            proxy.cut(after: 1, .toClient)
            #expect(await append(2..<5, to: journal) != nil)
            try await database.execute([
                """
                CREATE FUNCTION public.trouble() RETURNS trigger LANGUAGE plpgsql AS
                $$BEGIN RAISE 'could not extend file' USING ERRCODE = 'disk_full'; END$$
                """,
                "CREATE TRIGGER trouble BEFORE INSERT ON convoy_control.events FOR EACH ROW WHEN (NEW.number > 5) EXECUTE FUNCTION public.trouble()",
            ])
            proxy.set(mode: .forward)
            try await eventually("the database is back") { await append(2..<7, to: journal)?.message == "the disk is full" }
            try await database.execute(["DROP TRIGGER trouble ON convoy_control.events"])
            #expect(await append(2..<8, to: journal) == nil)
            #expect(try await journal.numbers() == Array(0..<8))
        }
    }

    /// A pooler that cuts each connection while it waits for the answer to COMMIT: that is not another process that writes to the run.
    @Test func aCommitThatIsNeverAnsweredIsNamedAsThat() async throws {
        try await withProxiedJournal({ $0.patience = .seconds(6) }) { journal, proxy, database in
            #expect(await append(0..<1, to: journal) == nil)
            try await database.execute([
                """
                CREATE FUNCTION public.late() RETURNS trigger LANGUAGE plpgsql AS
                $$BEGIN PERFORM pg_sleep(0.4); RAISE 'not committed'; END$$
                """,
                """
                CREATE CONSTRAINT TRIGGER late AFTER INSERT ON convoy_control.events DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW EXECUTE FUNCTION public.late()
                """,
            ])
            let isOver = Shared(false)
            async let cuts: Int = {
                var count = 0
                while !isOver.value {
                    await pause(for: .milliseconds(150), cancellation: .ignored)
                    proxy.cutAll()
                    count += 1
                }
                return count
            }()
            let begun = ContinuousClock.now
            let refusal = await append(1..<2, to: journal)
            isOver.change { $0 = true }
            #expect(refusal != nil && refusal?.message.contains("other processes") == false, "\(refusal?.message ?? "")")
            // It has rested in between, for as long as it may.
            #expect(.now - begun > .seconds(3))
            #expect(await cuts > 10)
            try await database.execute(["DROP TRIGGER late ON convoy_control.events"])
            try await eventually("the events are written", within: .seconds(30)) { await append(1..<2, to: journal) == nil }
            let numbers = try await journal.numbers()
            #expect(numbers == [0, 1])
        }
    }

    /// A standby that was behind became the primary: what it lacks is not written over.
    @Test(arguments: PostgresServer.Release.tested)
    func confirmedEventsThatAreGoneAreNoticed(_ release: PostgresServer.Release) async throws {
        try await withControlJournal(on: release) { journal, database in
            let lock = try await journal.lock(run.id)
            #expect(await append(0..<4, to: journal) == nil)
            try await database.execute([
                "DELETE FROM convoy_control.events WHERE number > 2", "UPDATE convoy_control.runs SET last_event = 2",
            ])
            for _ in 0..<2 {
                let refusal = await append(4..<5, to: journal)
                #expect(refusal?.message.hasPrefix("the last 2 recorded events of run \(run.id) are not there any more") == true)
            }
            #expect(try await journal.numbers() == [0, 1])
            await lock.release()
            // The process that resumes the run begins with what is there.
            let resumed = try await journal.lock(run.id)
            #expect(await append(5..<6, to: journal) == nil)
            #expect(try await journal.numbers() == [0, 1, 5])
            await resumed.release()
        }
    }

    /// Numbers that another role has written end no process.
    @Test func aNumberThatIsNoneIsAnError() async throws {
        try await withControlJournal { journal, database in
            let lock = try await journal.lock(run.id)
            #expect(await append(0..<1, to: journal) == nil)
            for number in ["-9223372036854775808", "9223372036854775807"] {
                try await database.execute(["UPDATE convoy_control.runs SET last_event = \(number)"])
                #expect(await append(1..<2, to: journal) != nil)
                #expect(await append(1..<2, to: ControlJournal(journal.control)) != nil)
            }
            #expect(try await journal.numbers() == [0])
            await lock.release()
        }
    }

    /// The limit of the role is not that of an append, as it is not that of other transactions.
    @Test func theLimitOfTheRoleIsNotThatOfAnAppend() async throws {
        try await withControlJournal { journal, database in
            try await database.server.execute("ALTER DATABASE \"\(database.name)\" SET statement_timeout = '100ms'")
            try await database.execute([
                "CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM pg_sleep(0.4); RETURN NEW; END$$",
                "CREATE TRIGGER slow BEFORE INSERT ON convoy_control.events FOR EACH ROW EXECUTE FUNCTION public.slow()",
            ])
            #expect(await append(0..<1, to: ControlJournal(ControlDatabase(database.owner))) == nil)
        }
    }

    /// The operator cancels while the database is away: the process does not stay for as long as it would otherwise wait.
    @Test func anOperatorWhoCancelsDoesNotWaitForTheDatabase() async throws {
        try await withLostDatabase({ ($0.patience, $0.interruptedPatience) = (.seconds(120), .milliseconds(100)) }) { journal, proxy in
            let begun = ContinuousClock.now
            async let refused = append(1..<2, to: journal)
            journal.hurry(run.id)
            #expect(await refused?.message.contains("cannot be reached") == true)
            // What follows is given up as soon.
            #expect(await append(1..<3, to: journal) != nil)
            #expect(.now - begun < .seconds(60))
            proxy.set(mode: .forward)
            try await eventually("the database is back") { await append(1..<3, to: journal) == nil }
            #expect(try await journal.numbers() == [0, 1, 2])
        }
    }

    @Test func aCancelledTaskHurriesToo() async throws {
        try await withLostDatabase({ ($0.patience, $0.interruptedPatience) = (.seconds(120), .milliseconds(100)) }) { journal, _ in
            let begun = ContinuousClock.now
            let task = Task { await append(1..<2, to: journal) }
            task.cancel()
            #expect(await task.value != nil)
            #expect(.now - begun < .seconds(60))
        }
    }

    /// After one wait in vain the next ones are short, until something could be written.
    @Test func oneLongWaitIsEnough() async throws {
        try await withLostDatabase({ ($0.patience, $0.laterPatience) = (.seconds(4), .milliseconds(10)) }) { journal, _ in
            var times: [Duration] = []
            for _ in 0..<3 {
                let begun = ContinuousClock.now
                #expect(await append(1..<2, to: journal) != nil)
                times.append(.now - begun)
            }
            #expect(times[1] + times[2] < times[0], "\(times)")
        }
    }

    /// The primary became a standby, or the other way round: a run under way waits, on a new session.
    @Test(arguments: PostgresServer.Release.tested)
    func aRunWaitsForAServerThatIsReadOnly(_ release: PostgresServer.Release) async throws {
        try await withControlJournal(on: release) { journal, database in
            let lock = try await journal.lock(run.id)
            #expect(await append(0..<1, to: journal) == nil)
            try await database.server.execute("ALTER DATABASE \"\(database.name)\" SET default_transaction_read_only = on")
            try await database.server.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '\(database.name)' AND application_name = 'convoy control'"
            )
            async let written = append(1..<2, to: journal)
            // Who only tries is told.
            let other = ControlJournal(ControlDatabase(database.owner))
            #expect(await append(5..<6, to: other)?.message.contains("is read-only") == true)
            try await database.server.execute("ALTER DATABASE \"\(database.name)\" RESET ALL")
            #expect(await written == nil)
            #expect(try await journal.numbers() == [0, 1])
            await lock.release()
        }
    }

    @Test func amongSeveralServersAStandbyIsPassedOver() async throws {
        let standby = try await PostgresServer.start()
        try await withControlDatabase { _, database in
            try await standby.execute("CREATE DATABASE \"\(database.name)\" OWNER \(database.ownerName)")
            try await standby.becomeStandby()
            var parameters = database.ownerOverTCP()
            parameters["host"] = "127.0.0.1,127.0.0.1"
            parameters["port"] = "\(standby.port),\(database.server.port)"
            let journal = ControlJournal(ControlDatabase(parameters))
            try await journal.begin(run, plan: Data())
            #expect(await append(0..<1, to: journal) == nil)
        }
    }

    // MARK: Reading

    /// A question changes nothing, so nothing is in doubt.
    @Test func aQuestionThatIsNotAnsweredIsNoChange() async throws {
        try await withProxiedJournal({ ($0.answer, $0.readingPatience) = (.milliseconds(300), .zero) }) { journal, proxy, _ in
            for mode in [FaultProxy.Mode.blackHole, .forward] {
                proxy.set(mode: mode)
                if mode == .forward { proxy.cut(after: 1, .toClient) }
                let refusal = await problem { () async throws(JournalError) in
                    _ = try await journal.runs(limit: 1)
                    // The session that was cut is opened anew by itself.
                    if mode == .forward { throw JournalError(path: "x", message: "cannot be reached") }
                }
                #expect(refusal?.message.contains("cannot be reached") == true)
                #expect(refusal?.message.contains("last change") == false)
            }
        }
    }

    // MARK: Size

    /// The removal of a large run may take longer than other statements.
    @Test func aRunThatTakesLongToRemoveIsRemoved() async throws {
        try await withControlDatabase(configuring: { $0.statement = .milliseconds(400) }) { control, database in
            let journal = ControlJournal(control)
            for index in 0..<3 {
                let run = JournalSamples.run("r-\(index)")
                try await journal.begin(run, plan: Data())
                try await journal.append([Event(at: moment(1), .runFinished(status: .succeeded))], to: run.id)
            }
            try await database.execute([
                "CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM pg_sleep(0.5); RETURN OLD; END$$",
                "CREATE TRIGGER slow BEFORE DELETE ON convoy_control.runs FOR EACH ROW EXECUTE FUNCTION public.slow()",
            ])
            let removed = try await journal.remove([RunID("r-0"), RunID("r-1")])
            #expect(removed == [RunID("r-0"), RunID("r-1")])
            #expect(try await journal.runs(limit: 10).map(\.id.description) == ["r-2"])
            #expect(try await journal.totals(of: "teslamate-eu", after: nil).removed.runs.values.reduce(0, +) == 2)
        }
    }

    /// More migrations than one answer has.
    @Test func durationsAreReadInPages() async throws {
        try await withControlJournal { journal, database in
            let count = ControlJournal.durationsPage * 2 + 1
            _ = try await database.query(
                """
                INSERT INTO convoy_control.events (run, number, turn, at, type, instance, json, version, direction, seconds)
                SELECT $1, g, 1, now(), 'migration_applied', 'i' || g % 10000, '{}', 7, 'up', CASE WHEN g = $2::bigint THEN 9 ELSE 1 END
                FROM generate_series(1, $2::bigint) AS g
                """,
                [run.id.description, "\(count)"]
            )
            let durations = try await journal.durations(of: [run.id])
            #expect(durations.map(\.count) == [count])
            #expect(durations.first?.maximum == .seconds(9))
            #expect(durations.first?.median == .seconds(1))
        }
    }
}
