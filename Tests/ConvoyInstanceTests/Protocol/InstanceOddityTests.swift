import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import TestSupport
import Testing

@testable import ConvoyInstance
@testable import ConvoyRun

/// What databases and roles may be called, and what they may have set for themselves.
@Suite(.timeLimit(.minutes(3))) struct InstanceOddityTests {
    @Test(arguments: ["Großer \"Wagen\"", "odd$convoy$schema", "it's\\here"])
    func aLedgersSchema(_ schema: String) async throws {
        let set = try threeMigrations()
        try await withDatabase { database in
            let quoted = quotedIdentifier(schema)
            try await database.execute(["CREATE SCHEMA \(quoted)"])
            let instance = database.instance { $0.ledgerSchema = schema }
            let result = await InstanceRunner(set, batchMigrations: 1).up(instance)
            #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
            let down = await InstanceRunner(set).migrate(InstanceJob(instance, .downSteps(1), run: "run-2"), report: { _ in })
            #expect(down.outcome == .rolledBack, "\(String(describing: down.failure))")
            let count = try await database.query("SELECT count(*) AS n FROM \(quoted).schema_migrations").onlyRow().int64("n")
            #expect(count == 2)
        }
    }

    /// Each is a setting that somebody may have made for the role or the database.
    @Test(arguments: [
        "standard_conforming_strings = off", "default_transaction_isolation = 'serializable'", "statement_timeout = '2s'",
        "idle_in_transaction_session_timeout = '1s'", "idle_session_timeout = '1s'", "lock_timeout = '1ms'",
        "search_path = nowhere", "datestyle = 'SQL, DMY'", "default_transaction_deferrable = on", "bytea_output = 'escape'",
    ])
    func aSettingOfTheDatabase(_ setting: String) async throws {
        let set = try migrationSet([
            (1, migrationText("CREATE TABLE cars (id bigint, vin text);\nSELECT pg_sleep(1.5);")),
            (
                2,
                migrationText(
                    "CREATE INDEX CONCURRENTLY IF NOT EXISTS cars_vin ON cars (vin) WHERE vin <> 'a\\';",
                    down: "DROP INDEX CONCURRENTLY IF EXISTS cars_vin;",
                    options: " transaction:false"
                )
            ),
            (3, migrationText("-- convoy:admin\nSELECT pg_sleep(1.5);")), (4, migrationText("COMMENT ON TABLE cars IS 'a\\';")),
        ])
        try await withDatabase { database in
            try await database.server.execute("ALTER DATABASE \"\(database.name)\" SET \(setting)")
            let result = await InstanceRunner(set).up(database.instance())
            #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
            #expect(result.versions == [1, 2, 3, 4])
        }
    }

    @Test func aValueOfARowIsNotTold() async throws {
        let set = try threeMigrations(second: "ALTER TABLE cars ADD COLUMN name text;\nUPDATE cars SET name = chr(83) || '3cret \"x';")
        let next = try migrationSet([
            (1, migrationText("CREATE TABLE cars (id bigint PRIMARY KEY);")),
            (2, migrationText("ALTER TABLE cars ADD COLUMN name text;\nUPDATE cars SET name = chr(83) || '3cret \"x';")),
            (3, migrationText("ALTER TABLE cars ALTER COLUMN name TYPE bigint USING name::bigint;")),
        ])
        try await withDatabase { database in
            _ = await InstanceRunner(set).up(database.instance(), to: 1)
            try await database.execute(["INSERT INTO cars VALUES (1)"])
            let result = await InstanceRunner(next).up(database.instance())
            #expect(result.failure?.sqlstate == "22P02")
            #expect(result.failure?.message == "invalid input syntax for type bigint: …")
            let open = await InstanceRunner(next).up(database.instance { $0.showsRowDetails = true })
            #expect(open.failure?.message.contains("S3cret") == true)
        }
    }

    /// Encodings are no value of a row; the bytes are.
    @Test(arguments: [
        (
            "22P05", "character with byte sequence 0xe2 0x82 0xac in encoding \"UTF8\" has no equivalent in encoding \"LATIN1\"",
            "character with byte sequence … in encoding \"UTF8\" has no equivalent in encoding \"LATIN1\""
        ),
        ("22021", "invalid byte sequence for encoding \"UTF8\": 0xff", "invalid byte sequence for encoding \"UTF8\": …"),
        ("22021", "ungültige Byte-Sequenz für Kodierung »UTF8«: 0xc3 0x28", "ungültige Byte-Sequenz für Kodierung »UTF8«: …"),
    ])
    func anEncodingIsTold(sqlstate: String, said: String, shown: String) {
        let message = ServerMessage(severity: "ERROR", sqlstate: sqlstate, message: said)
        #expect(Failure(.failed, server: message, settings: InstanceSettings()).message == shown)
        var open = InstanceSettings()
        open.showsRowDetails = true
        #expect(Failure(.failed, server: message, settings: open).message == said)
    }

    @Test(arguments: [("23505", false), ("44000", false), ("22P02", false), ("22003", true), ("42804", true)])
    func detailsThatHoldRows(sqlstate: String, isShown: Bool) {
        var message = ServerMessage(severity: "ERROR", sqlstate: sqlstate, message: "no")
        message.detail = "Failing row contains (S3cret)."
        let failure = Failure(.failed, server: message, settings: InstanceSettings())
        #expect((failure.detail != nil) == isShown)
    }

    @Test func takesAsManyConnectionsAsItMayNeed() async throws {
        let alone = try migrationSet([(1, migrationText("VACUUM pg_class;", down: "VACUUM pg_class;", options: " transaction:false"))])
        let ordinary = try threeMigrations()
        try await withDatabase { database in
            #expect(InstanceRunner(ordinary).connections(for: database.instance(admin: .some(nil))) == 1)
            #expect(InstanceRunner(ordinary).connections(for: database.instance()) == 2)
            #expect(InstanceRunner(alone).connections(for: database.instance(admin: .some(nil))) == 3)
            #expect(InstanceRunner(alone).connections(for: database.instance()) == 4)
        }
    }
}
