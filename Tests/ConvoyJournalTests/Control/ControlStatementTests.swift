import ConvoyIO
import ConvoyKit
import ConvoyPostgres
import ConvoyRun
import FoundationEssentials
import TestSupport
import Testing

@testable import ConvoyJournal

/// What is said of a statement that a control server ends or does not understand.
@Suite(.timeLimit(.minutes(3)))
struct ControlStatementTests {
    private let run = JournalSamples.run

    private func refusal(_ body: () async throws(ControlError) -> Void, _ control: ControlDatabase) async -> JournalError? {
        do throws(ControlError) {
            try await body()
            return nil
        } catch {
            return await control.journalError(error)
        }
    }

    // MARK: Statements that the server ends

    @Test(arguments: PostgresServer.Release.tested)
    func theLimitThatWasInForceIsNamed(_ release: PostgresServer.Release) async throws {
        try await withControlDatabase(on: release, configuring: { $0.statement = .seconds(1) }) { control, _ in
            for limit in [nil, Duration.seconds(2)] {
                let refusal = await refusal(
                    { () async throws(ControlError) in
                        try await control.transaction { transaction throws(ControlError) in
                            if let limit { transaction.allow(limit) }
                            _ = try await transaction.query("SELECT pg_sleep(60)")
                        }
                    },
                    control
                )
                #expect(refusal?.message == "a statement took longer than \(limit == nil ? "1.0 s" : "2.0 s")")
            }
            // A statement within a COMMIT's round trip, and one that waits for a lock.
            let late = await refusal(
                { () async throws(ControlError) in _ = try await control.rows("SELECT pg_sleep(60)") },
                control
            )
            #expect(late?.message == "a statement took longer than 1.0 s")
        }
    }

    @Test(arguments: PostgresServer.Release.tested)
    func anAdministratorWhoCancelsIsNoLimit(_ release: PostgresServer.Release) async throws {
        try await withControlDatabase(on: release) { control, database in
            async let refused = refusal(
                { () async throws(ControlError) in
                    try await control.transaction { transaction throws(ControlError) in
                        _ = try await transaction.query("SELECT pg_sleep(60)")
                    }
                },
                control
            )
            try await eventually("the statement is cancelled") {
                let rows = try await database.query(
                    """
                    SELECT pg_cancel_backend(pid) FROM pg_stat_activity
                    WHERE datname = $1 AND query = 'SELECT pg_sleep(60)' AND state = 'active'
                    """,
                    [database.name]
                ).rows
                return !rows.isEmpty
            }
            let refusal = await refused
            #expect(refusal?.message.hasPrefix("a statement was cancelled on the server: ") == true, "\(refusal?.message ?? "")")
            #expect(refusal?.message.contains("longer than") == false)
        }
    }

    /// The server's words may be in any language.
    @Test func timeDecides() {
        func limit(_ words: String, after elapsed: Duration) -> Duration? {
            let message = ServerMessage(severity: "ERROR", sqlstate: "57014", message: words)
            let error = ControlError.server(message, after: elapsed, limit: .seconds(30))
            guard case .statementEnded(_, let limit) = error else { return .zero }
            return limit
        }
        #expect(limit("canceling statement due to statement timeout", after: .seconds(31)) == .seconds(30))
        #expect(limit("storniere Anfrage wegen Zeitüberschreitung der Anfrage", after: .seconds(30)) == .seconds(30))
        // By the server's clock it was long enough.
        #expect(limit("storniere Anfrage wegen Zeitüberschreitung der Anfrage", after: .milliseconds(29_950)) == .seconds(30))
        #expect(limit("storniere Anfrage wegen Benutzeraufforderung", after: .seconds(3)) == nil)
        #expect(limit("canceling statement due to user request", after: .seconds(40)) == nil)
    }

    /// A lock that is held for a moment is waited for, whatever the role usually waits.
    @Test(arguments: PostgresServer.Release.tested)
    func theRolesLimitOnLocksIsNotThatOfATransaction(_ release: PostgresServer.Release) async throws {
        try await withControlDatabase(on: release) { control, database in
            try await database.server.execute("ALTER DATABASE \"\(database.name)\" SET lock_timeout = '20ms'")
            let journal = ControlJournal(ControlDatabase(database.owner))
            try await journal.begin(run, plan: Data())
            let id = run.id
            let attempts: [@Sendable () async throws -> Void] = [
                { try await journal.post(.stop, to: id, by: "ann@here", at: moment()) },
                {
                    let lease = Duration.seconds(15)
                    _ = try await journal.control.decide(on: id, by: "w1", count: 1, handOver: "", after: 0, reporting: [:], lease: lease) {
                        _ in nil
                    }
                },
                {
                    try await journal.control.transaction { transaction throws(ControlError) in
                        transaction.allow(.seconds(40))
                        _ = try await transaction.query("SELECT FROM convoy_control.runs FOR UPDATE")
                    }
                },
            ]
            for attempt in attempts {
                let isHeld = OneShot<Void>()
                async let held: Void = control.transaction { transaction throws(ControlError) in
                    _ = try await transaction.query("SELECT FROM convoy_control.runs FOR UPDATE")
                    isHeld.fulfil(())
                    _ = try await transaction.query("SELECT pg_sleep(0.5)")
                }
                try await eventually("the lock is held") { isHeld.current != nil }
                await #expect(throws: Never.self) { try await attempt() }
                try await held
            }
            try await journal.close()
        }
    }

    // MARK: Tables of another version

    /// Which version the tables have is asked in the time of the call: the operator who cancels does not wait for that either.
    @Test func theVersionOfTheTablesIsNotWaitedForAfterACancellation() async throws {
        try await withControlDatabase(configuring: { $0.interruptedPatience = .milliseconds(200) }) { control, database in
            let journal = ControlJournal(control)
            try await journal.begin(run, plan: Data())
            try await database.execute(["DROP FUNCTION convoy_control.append_events"])
            let (isHeld, isOver) = (OneShot<Void>(), Shared(false))
            let other = ControlDatabase(database.owner)
            async let held: Void = other.transaction { transaction throws(ControlError) in
                _ = try await transaction.query("LOCK TABLE convoy_control.schema_migrations")
                isHeld.fulfil(())
                // As long as the test lasts, and as a statement may.
                while !isOver.value { _ = try await transaction.query("SELECT pg_sleep(0.1)") }
            }
            try await eventually("the table is locked") { isHeld.current != nil }
            async let refused = problem { () async throws(JournalError) in
                try await journal.append([JournalSamples.numbered(0)], to: run.id)
            }
            try await eventually("the version is asked for") {
                let waits = "SELECT FROM pg_stat_activity WHERE datname = $1 AND wait_event_type = 'Lock'"
                return try await !database.query(waits, [database.name]).rows.isEmpty
            }
            let begun = ContinuousClock.now
            journal.hurry(run.id)
            #expect(await refused?.message.contains("its tables are of another version of Convoy") == true)
            #expect(.now - begun < .seconds(15))
            isOver.change { $0 = true }
            try await held
            await other.close()
        }
    }

    @Test(arguments: PostgresServer.Release.tested)
    func aFunctionOfAnotherVersionIsNamedAsThat(_ release: PostgresServer.Release) async throws {
        try await withControlDatabase(on: release) { control, database in
            let journal = ControlJournal(control)
            try await journal.begin(run, plan: Data())
            func append() async -> JournalError? {
                await problem { () async throws(JournalError) in try await journal.append([JournalSamples.numbered(0)], to: run.id) }
            }
            // The program is older than the tables: the function has another signature.
            try await database.execute([
                "DROP FUNCTION convoy_control.append_events",
                "CREATE FUNCTION convoy_control.append_events(the_run text) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
            ])
            let changed = await append()
            #expect(changed?.message.hasPrefix("its tables are of another version of Convoy") == true, "\(String(describing: changed))")
            #expect(changed?.hint?.contains("convoy control prepare") == true)
            try await database.execute(["INSERT INTO convoy_control.schema_migrations VALUES (999)"])
            #expect(await append()?.message.contains("a newer Convoy") == true)
            try await database.execute([
                "DELETE FROM convoy_control.schema_migrations WHERE version IN (999, \(ControlSchema.newest))"
            ])
            let older = await append()
            #expect(older?.message == "its tables are those of an older Convoy")
            #expect(older?.hint?.contains("convoy control prepare") == true)
        }
    }

    @Test(arguments: [
        "DROP TABLE convoy_control.refusals", "ALTER TABLE convoy_control.runs DROP COLUMN for_workers CASCADE",
        "DROP SCHEMA convoy_control CASCADE",
    ])
    func missingTablesAndColumnsAreNamedAsThat(_ change: String) async throws {
        try await withControlDatabase { control, database in
            let journal = ControlJournal(control)
            try await journal.begin(run, plan: Data())
            try await database.execute([change])
            let found = await problem { () async throws(JournalError) in _ = try await journal.staff(of: run.id) }
            let expected = change.contains("SCHEMA") ? "it has no tables of Convoy" : "its tables are of another version of Convoy"
            #expect(found?.message.hasPrefix(expected) == true, "\(String(describing: found))")
            #expect(found?.hint?.contains("convoy control prepare") == true)
        }
    }
}
