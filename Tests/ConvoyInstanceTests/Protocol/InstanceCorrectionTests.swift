import ConvoyCatalog
import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import TestSupport
import Testing

@testable import ConvoyInstance

/// Writing the ledger of a database without running a migration: what is written, and when nothing is.
@Suite(.timeLimit(.minutes(5))) struct InstanceCorrectionTests: CorrectionSuite {
    @Test(arguments: PostgresServer.Release.tested)
    func aLedgerIsWritten(release: PostgresServer.Release) async throws {
        try await withLostLedger(release) { database, correction in
            let log = EventLog()
            let planned = try await runner().probe(database.instance(), for: .correct(correction))
            #expect(planned.outcome == .pending && planned.pending == [], "\(String(describing: planned.failure))")
            let isTouched = try await hasLedger(database)
            #expect(!isTouched)

            let result = try await correct(database.instance(), correction, log: log)
            #expect(result.outcome == .adopted, "\(String(describing: result.failure))")
            #expect(result.from == nil && result.to == MigrationVersion(3) && result.applied == [])
            let ledger = try await database.ledger()
            #expect(ledger == [1, 2, 3])
            #expect(log.warnings == [])
            let columns = try await database.query(
                """
                SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod) || ' ' || attnotnull, ', ' ORDER BY attnum) AS columns,
                    (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = 'public.schema_migrations'::regclass) AS owner
                FROM pg_attribute WHERE attrelid = 'public.schema_migrations'::regclass AND attnum > 0
                """
            ).onlyRow()
            #expect(try columns.text("columns") == "version bigint true, inserted_at timestamp(0) without time zone false")
            #expect(try columns.text("owner") == database.ownerName)
            let rows = try await database.query(
                """
                SELECT string_agg(version || ' ' || name || ' ' || direction || ' ' || run || ' ' || duration_ms || ' ' || length(checksum), ', '
                    ORDER BY version) AS rows FROM convoy.migration_log
                """
            ).onlyRow().text("rows")
            #expect(rows == (1...3).map { "\($0) test (baseline) up run-1 0 64" }.joined(separator: ", "))

            // From here on it is a database like any other: nothing is edited, nothing pending.
            let status = try await runner().status(database.instance { $0.strict = true })
            #expect(status.outcome == .upToDate && status.edited == [] && status.warnings == [], "\(String(describing: status.failure))")
            #expect(status.claim?.missing == nil)
            let again = try await correct(database.instance(), correction, run: "run-2")
            #expect(again.outcome == .upToDate, "\(String(describing: again.failure))")
            let edited = InstanceRunner(try threeMigrations(second: "ALTER TABLE cars ADD COLUMN title text;"))
            #expect(await edited.status(database.instance()).edited == [MigrationVersion(2)])
        }
    }

    @Test func withoutAnAuditLog() async throws {
        try await withLostLedger(owner: .unique) { database, correction in
            let only = try await correct(database.instance { $0.audit = .journalOnly }, correction)
            #expect(only.outcome == .adopted, "\(String(describing: only.failure))")
            let there = try await database.query("SELECT to_regnamespace('convoy') IS NULL AS gone").onlyRow().bool("gone")
            #expect(there)
            // No right to make the schema: the ledger is written all the same.
            try await database.execute(["DROP TABLE schema_migrations"])
            let log = EventLog()
            try await database.server.execute("ALTER DATABASE \"\(database.name)\" OWNER TO postgres")
            _ = try await database.query("GRANT CREATE, USAGE ON SCHEMA public TO \(database.ownerName)", as: "postgres")
            var correction = correction
            correction.fingerprint = nil
            let denied = try await correct(database.instance(), correction, log: log)
            #expect(denied.outcome == .adopted, "\(String(describing: denied.failure))")
            #expect(log.warnings.contains { $0.hasPrefix("this database gets no audit log") }, "\(log.warnings)")
            let ledger = try await database.ledger()
            #expect(ledger == [1, 2, 3])
        }
    }

    // MARK: - What the plan was made from is no longer there

    @Test func aSchemaThatChangedIsLeftAlone() async throws {
        try await withLostLedger { database, correction in
            try await database.execute(["ALTER TABLE cars ADD COLUMN later text"])
            let result = try await correct(database.instance(), correction)
            #expect(result.outcome == .blocked)
            #expect(result.failure?.message == "the schema changed since the plan was made; nothing was written")
            let isThere = try await hasLedger(database)
            #expect(!isThere)
            // A runner that cannot ask writes nothing either.
            let mute = InstanceRunner(try threeMigrations())
            let unasked = await mute.migrate(InstanceJob(database.instance(), .correct(correction), run: "run-1")) { _ in }
            #expect(unasked.outcome == .failed)
            let isThereNow = try await hasLedger(database)
            #expect(!isThereNow)
        }
    }

    @Test func aLedgerThatCameMeanwhileIsLeftAlone() async throws {
        try await withLostLedger { database, correction in
            try await database.execute([
                "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, inserted_at timestamp(0))",
                "INSERT INTO schema_migrations VALUES (7)",
            ])
            let result = try await correct(database.instance(), correction)
            #expect(result.outcome == .blocked)
            #expect(result.failure?.message == "the ledger changed since the plan was made: it has 7")
            let ledger = try await database.ledger()
            #expect(ledger == [7])
        }
    }

    /// Another migrator commits a row while Convoy waits for the ledger's lock.
    @Test func aRowThatComesBehindTheLock() async throws {
        try await withLostLedger { database, correction in
            try await database.execute(["CREATE TABLE schema_migrations (version bigint PRIMARY KEY, inserted_at timestamp(0))"])
            let other = try await database.connect()
            defer { other.close() }
            for statement in [
                "BEGIN", "LOCK TABLE schema_migrations IN SHARE UPDATE EXCLUSIVE MODE", "INSERT INTO schema_migrations VALUES (1)",
            ] {
                _ = try await other.query(statement)
            }
            async let running = correct(database.instance { $0.lockWait = .seconds(30) }, correction)
            try await eventually("it waits") {
                try await database.query(
                    "SELECT count(*) AS n FROM pg_locks WHERE NOT granted AND relation = 'public.schema_migrations'::regclass"
                ).onlyRow().int64("n") == 1
            }
            _ = try await other.query("COMMIT")
            let result = try await running
            #expect(result.outcome == .blocked)
            #expect(result.failure?.message == "the ledger changed since the plan was made: it has 1")
            let ledger = try await database.ledger()
            #expect(ledger == [1])
        }
    }

    @Test func theLedgerIsLocked() async throws {
        try await withLostLedger { database, correction in
            try await database.execute(["CREATE TABLE schema_migrations (version bigint PRIMARY KEY, inserted_at timestamp(0))"])
            let other = try await database.connect(applicationName: "nightly")
            defer { other.close() }
            for statement in ["BEGIN", "LOCK TABLE schema_migrations IN SHARE UPDATE EXCLUSIVE MODE"] {
                _ = try await other.query(statement)
            }
            let result = try await correct(database.instance { $0.lockWait = .milliseconds(300) }, correction)
            #expect(result.outcome == .lockBusy, "\(String(describing: result.failure))")
            #expect(result.failure?.lockedBy?.application == "nightly")
        }
    }

    @Test func whatWasRefusedOrNotJudged() async throws {
        try await withLostLedger { database, _ in
            let refused = Correction(.baseline, refused: Correction.Refusal("no version", hint: "do this"))
            let result = try await correct(database.instance(), refused)
            #expect(result.outcome == .blocked && result.failure?.message == "no version" && result.failure?.hint == "do this")
            let unjudged = await (try runner()).migrate(InstanceJob(database.instance(), .baseline(at: nil), run: "run-1")) { _ in }
            #expect(unjudged.outcome == .blocked)
            #expect(unjudged.failure?.hint == "run `convoy baseline` again, which makes a new plan")
            let isThere = try await hasLedger(database)
            #expect(!isThere)
        }
    }

    // MARK: - Faults

    @Test(arguments: [FaultProxy.Direction.toServer, .toClient]) func theConnectionIsCut(_ direction: FaultProxy.Direction) async throws {
        let server = try await PostgresServer.shared()
        var whole = 0
        for point in 0...12 {
            try await withLostLedger { database, correction in
                let proxy = try FaultProxy(to: .port(server.port))
                let instance = database.instance(connection: database.ownerOverTCP(port: proxy.port))
                if point > 0 { proxy.cut(after: whole * point / 13, direction) }
                let result = try await correct(instance, correction)
                if point == 0 {
                    whole = direction == .toServer ? proxy.counts.bytesToServer : proxy.counts.bytesToClient
                    #expect(result.outcome == .adopted)
                }
                #expect([.adopted, .unreachable].contains(result.outcome), "at \(point): \(String(describing: result.failure))")
                let isThere = try await hasLedger(database)
                #expect(isThere == (result.outcome == .adopted), "at \(point)")
                let again = try await correct(database.instance(), correction, run: "run-2")
                #expect(again.outcome == (isThere ? .upToDate : .adopted), "at \(point): \(String(describing: again.failure))")
                let rows = try await database.query(
                    "SELECT (SELECT count(*) FROM schema_migrations) AS ledger, (SELECT count(*) FROM convoy.migration_log) AS log"
                ).onlyRow()
                #expect(try [rows.int64("ledger"), rows.int64("log")] == [3, 3], "at \(point)")
            }
        }
    }

    @Test func theOperatorCancels() async throws {
        let server = try await PostgresServer.shared()
        for point in 0...8 {
            try await withLostLedger { database, correction in
                let proxy = try FaultProxy(to: .port(server.port), delay: .milliseconds(2))
                let instance = database.instance(connection: database.ownerOverTCP(port: proxy.port))
                let runner = try runner()
                let running = Task { await runner.migrate(InstanceJob(instance, .correct(correction), run: "run-1")) { _ in } }
                try await eventually("it got so far") { proxy.counts.bytesToServer >= min(point * 2500, 17_000) }
                running.cancel()
                let result = await running.value
                #expect([.interrupted, .adopted].contains(result.outcome), "at \(point): \(String(describing: result.failure))")
                let isThere = try await hasLedger(database)
                let stands = result.outcome == .adopted || result.failure?.message.hasSuffix("it stands") == true
                #expect(isThere == stands, "at \(point): \(String(describing: result.failure))")
                let again = try await correct(database.instance(), correction, run: "run-2")
                #expect(again.outcome.isGood, "at \(point)")
                let ledger = try await database.ledger()
                #expect(ledger == [1, 2, 3])
            }
        }
    }

    // MARK: - Rows that go, and rows of the log alone

    @Test func rowsAreDeletedAndNoted() async throws {
        try await PostgresServer.shared().withDatabase { database in
            _ = await InstanceRunner(try threeMigrations()).up(database.instance())
            try await database.execute(["INSERT INTO schema_migrations VALUES (9)", "DELETE FROM schema_migrations WHERE version = 2"])
            let found = [1, 3, 9].map { MigrationVersion($0) }
            let correction = Correction(
                .repair,
                found: found,
                records: [MigrationVersion(2)],
                removes: [MigrationVersion(9)],
                accepts: [MigrationVersion(1)]
            )
            let result = try await correct(database.instance(), correction, run: "run-3")
            #expect(result.outcome == .repaired, "\(String(describing: result.failure))")
            #expect(result.to == MigrationVersion(3))
            let ledger = try await database.ledger()
            #expect(ledger == [1, 2, 3])
            let rows = try await database.query(
                """
                SELECT string_agg(version || ' ' || name || ' ' || direction || ' ' || left(checksum, 10), ', ' ORDER BY version) AS rows
                FROM convoy.migration_log WHERE name LIKE '%(repair)'
                """
            ).onlyRow().text("rows")
            #expect(rows.hasPrefix("1 test (repair) accepted "), "\(rows)")
            #expect(rows.hasSuffix(", 9 unknown (repair) down "), "\(rows)")

            // Without the log nothing would be accepted.
            let unwritten = try await correct(
                database.instance { $0.audit = .journalOnly },
                Correction(.repair, found: Self.versions, accepts: [MigrationVersion(3)])
            )
            #expect(unwritten.outcome == .blocked && unwritten.failure?.message.contains("may not write the log") == true)

            // Accepted files alone: the same run writes their rows once, whatever became of its answer.
            let accepted = Correction(.repair, found: Self.versions, accepts: [MigrationVersion(3)])
            for _ in 1...2 {
                let noted = try await correct(database.instance(), accepted, run: "run-2")
                #expect(noted.outcome == .repaired, "\(String(describing: noted.failure))")
            }
            let count = try await database.query("SELECT count(*) AS n FROM convoy.migration_log WHERE run = 'run-2'").onlyRow()
            #expect(try count.int64("n") == 1)
        }
    }
}
