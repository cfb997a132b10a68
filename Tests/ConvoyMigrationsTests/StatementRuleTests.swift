import ConvoyMigrations
import ConvoyText
import Testing

struct StatementRuleTests {
    /// What the up section's only statement is refused for; nil where it is taken.
    static func refusal(_ statement: String, marker: String = "-- migrate:up") -> String? {
        let file = MigrationFile.sample("\(marker)\n\(statement);\n-- migrate:down\n")
        return file.problems.first?.message
    }

    @Test(arguments: [
        "BEGIN", "begin work", "START TRANSACTION", "COMMIT", "COMMIT PREPARED 'a'", "END", "ROLLBACK", "ROLLBACK TO a", "ABORT",
        "SAVEPOINT a", "RELEASE a", "PREPARE TRANSACTION 'a'", "/* x */ Commit",
    ])
    func transactionControlIsRefused(statement: String) {
        #expect(Self.refusal(statement)?.hasSuffix("controls the transaction, and only Convoy may do that") == true)
        #expect(Self.refusal(statement, marker: "-- migrate:up transaction:false") != nil)
    }

    @Test(arguments: [
        "SET search_path = a", "set search_path to a", "SET SESSION statement_timeout = 0", "SET TIME ZONE 'UTC'", "SET NAMES 'UTF8'",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", "SET \"work_mem\" = 1", "RESET ALL", "RESET search_path", "DISCARD ALL",
        "SELECT set_config('search_path', '', false)", "SELECT pg_catalog.set_config('a', lower('B'), FALSE), 1",
        "SELECT (set_config('a', set_config('b', 'c', true), false))",
    ])
    func sessionSettingsAreRefused(statement: String) {
        #expect(Self.refusal(statement)?.contains("outlives the migration: it changes the session") == true)
    }

    @Test(arguments: [
        ("SET ROLE a", "SET ROLE changes the role that owns what later statements create"),
        ("SET SESSION AUTHORIZATION a", "SET SESSION AUTHORIZATION changes the role that owns what later statements create"),
        ("SET LOCAL ROLE a", "SET LOCAL role changes the role that writes the ledger and the audit log"),
        ("SET LOCAL \"role\" = a", "SET LOCAL role changes the role that writes the ledger and the audit log"),
        ("SET LOCAL SESSION AUTHORIZATION a", "SET LOCAL session changes the role that writes the ledger and the audit log"),
        ("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "SET TRANSACTION changes the transaction, and only Convoy may do that"),
        ("SET LOCAL TRANSACTION READ ONLY", "SET LOCAL transaction changes the transaction, and only Convoy may do that"),
        (
            "SET LOCAL standard_conforming_strings = off",
            "SET LOCAL standard_conforming_strings changes how the statements after it are read"
        ),
        ("SET LOCAL client_encoding = latin1", "SET LOCAL client_encoding changes how the statements after it are read"),
        ("COPY a FROM STDIN", "COPY … FROM STDIN needs data from the client, which a migration does not have"),
        (
            "copy a (\"from\", b) from /* x */ stdin with (format csv)",
            "COPY … FROM STDIN needs data from the client, which a migration does not have"
        ),
        ("COPY a FROM -- x\n stdin", "COPY … FROM STDIN needs data from the client, which a migration does not have"),
        ("COPY a TO STDOUT", "COPY … TO STDOUT sends data to the client, which a migration cannot receive"),
        ("COPY (SELECT 1) TO STDOUT", "COPY … TO STDOUT sends data to the client, which a migration cannot receive"),
        (
            "SELECT pg_advisory_unlock_all()",
            "pg_advisory_unlock_all() also releases the lock that keeps other coordinators away from this instance"
        ),
    ])
    func isRefused(statement: String, message: String) {
        #expect(Self.refusal(statement) == message)
    }

    @Test(arguments: [
        "DEALLOCATE ALL", "deallocate convoy_audit_1", "PREPARE a AS SELECT 1", "EXECUTE a", "LISTEN a", "UNLISTEN *", "CLOSE ALL",
        "DECLARE a CURSOR WITH HOLD FOR SELECT 1", "UPDATE pg_settings SET setting = 'a' WHERE name = 'search_path'",
        "UPDATE pg_catalog.pg_settings SET setting = 'a'", "SELECT pg_advisory_lock(1)", "SELECT pg_catalog.pg_try_advisory_lock(1, 2)",
        "SELECT pg_advisory_unlock(7165066987125145601)", "SELECT set_config('role', 'a', true)",
        "SELECT set_config('standard_conforming_strings', 'off', true)",
        "DO $$ BEGIN SET search_path = a; END $$", "DO $a$ BEGIN IF true THEN RESET ALL; END IF; END $a$",
        "DO LANGUAGE plpgsql 'BEGIN PERFORM pg_advisory_unlock_all(); END'", "DO $$ BEGIN SELECT 1; DEALLOCATE ALL; END $$",
        "DO $$ BEGIN PERFORM set_config('a', 'b', false); END $$", "DO $$ BEGIN SET LOCAL role = a; END $$",
    ])
    func whatBelongsToTheSessionIsLeftAlone(statement: String) {
        #expect(Self.refusal(statement) != nil)
        #expect(Self.refusal(statement, marker: "-- migrate:up transaction:false\n-- convoy:repeatable") != nil)
    }

    @Test(arguments: ["CREATE DATABASE a", "DROP DATABASE a", "CREATE TABLESPACE a LOCATION '/a'", "DROP TABLESPACE a"])
    func whatConcernsTheServerIsRefused(statement: String) {
        for marker in ["-- migrate:up", "-- migrate:up transaction:false", "-- migrate:up transaction:false\n-- convoy:repeatable"] {
            #expect(Self.refusal(statement, marker: marker)?.contains("affects the whole server, not only this database") == true)
        }
    }

    /// The one reason to do without a transaction is a statement that cannot run in one.
    @Test(arguments: [
        "UPDATE t SET n = n * 2", "SELECT 1", "INSERT INTO a VALUES (1)", "ALTER TYPE a ADD VALUE 'b'",
        "CREATE INDEX IF NOT EXISTS a ON b (c)",
        "REFRESH MATERIALIZED VIEW CONCURRENTLY a", "ANALYZE a", "CLUSTER a", "ALTER TABLE a DETACH PARTITION b", "REINDEX TABLE a",
        "CALL p()", "DO $$ BEGIN COMMIT; END $$", "ALTER TABLE a ADD COLUMN IF NOT EXISTS b int",
    ])
    func whatWouldRunTwiceIsRefusedOutsideATransaction(statement: String) {
        let refusal = Self.refusal(statement, marker: "-- migrate:up transaction:false")
        #expect(refusal?.contains("if Convoy is cut off before the ledger has the version") == true, "\(refusal ?? "")")
        #expect(Self.refusal(statement, marker: "-- migrate:up transaction:false\n-- convoy:repeatable") == nil)
    }

    static let outsideTransaction = [
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS a ON b (c)", "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS a ON b (c)",
        "DROP INDEX CONCURRENTLY IF EXISTS a",
        "REINDEX INDEX CONCURRENTLY a", "REINDEX (VERBOSE, CONCURRENTLY) TABLE a", "REINDEX (CONCURRENTLY true) TABLE a",
        "REINDEX DATABASE a", "REINDEX (VERBOSE) SCHEMA a", "VACUUM", "vacuum analyze a", "ALTER SYSTEM SET a = 1",
        "ALTER DATABASE a SET TABLESPACE b",
        "ALTER TABLE a DETACH PARTITION b CONCURRENTLY", "CLUSTER", "CLUSTER (VERBOSE)",
    ]

    @Test(arguments: outsideTransaction)
    func whatCannotRunInATransactionNeedsTheOption(statement: String) {
        #expect(Self.refusal(statement)?.hasSuffix("cannot run inside a transaction") == true)
        #expect(Self.refusal(statement, marker: "-- migrate:up transaction:false") == nil)
    }

    @Test(arguments: [
        ("CREATE INDEX CONCURRENTLY a ON b (c)", "IF NOT EXISTS"), ("create unique index concurrently a on b (c)", "IF NOT EXISTS"),
        ("CREATE INDEX CONCURRENTLY ON b (c)", "IF NOT EXISTS"), ("CREATE INDEX /* x */ CONCURRENTLY \"if\" ON b (c)", "IF NOT EXISTS"),
        ("DROP INDEX CONCURRENTLY a", "IF EXISTS"),
    ])
    func whatFailsTheSecondTimeIsRefusedOutsideATransaction(statement: String, condition: String) {
        let refusal = Self.refusal(statement, marker: "-- migrate:up transaction:false")
        #expect(refusal?.hasSuffix("without \(condition) fails when it is run again") == true)
    }

    @Test(arguments: [
        "SET LOCAL search_path = a", "SET LOCAL lock_timeout = '1s'", "SET CONSTRAINTS ALL DEFERRED", "UPDATE a SET b = 1",
        "ALTER ROLE a SET search_path = b", "ALTER FUNCTION f() RESET ALL", "CREATE FUNCTION f() RETURNS int SET a = 1 AS '' LANGUAGE sql",
        "COPY a FROM '/stdin'", "COPY a FROM PROGRAM 'stdin'", "COPY stdin FROM '/a'", "COPY a TO '/stdout'", "SELECT * FROM stdin",
        "SELECT set_config('a', 'b', true)", "SELECT set_config('a', 'b', false OR true)", "SELECT 'set_config(1, false)'",
        "CREATE FUNCTION f() RETURNS text BEGIN ATOMIC SELECT set_config('a', 'b', false); END",
        "SELECT pg_advisory_xact_lock(1)", "SELECT pg_try_advisory_xact_lock(1)", "CREATE INDEX a ON b (c)",
        "CREATE INDEX \"concurrently\" ON b (c)",
        "DROP INDEX a", "REINDEX TABLE a", "REINDEX (CONCURRENTLY false) TABLE a", "REINDEX (VERBOSE) INDEX a",
        "REFRESH MATERIALIZED VIEW CONCURRENTLY a", "ALTER TABLE a DETACH PARTITION b", "ALTER DATABASE a SET search_path = b", "CLUSTER a",
        "CLUSTER \"a\"", "LOCK TABLE a", "DO $$ BEGIN COMMIT; END $$",
        "DO $$ DECLARE set int; BEGIN set := 1; EXECUTE 'a'; CLOSE c; UPDATE t SET a = 1; END $$",
        "DO $$ BEGIN SET LOCAL search_path = a; PERFORM set_config('a', 'b', true); END $$", "CALL p()",
        "DECLARE a CURSOR FOR SELECT 1", "NOTIFY a", "UPDATE a SET b = 1 FROM pg_settings", "\"begin\"", "('begin')",
        "COMMENT ON TABLE a IS 'b'",
    ])
    func isTaken(statement: String) {
        #expect(Self.refusal(statement) == nil)
    }

    @Test(.timeLimit(.minutes(1)), arguments: ["set_config(", "set_config(1,false),", "COPY a FROM STDIN;\n", "\\x\n", ")", "("])
    func takesLinearTime(unit: String) {
        _ = Self.refusal("SELECT " + String(repeating: unit, count: 20_000))
    }
}
