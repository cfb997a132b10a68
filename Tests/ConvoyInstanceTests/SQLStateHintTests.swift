import ConvoyFleet
import ConvoyIO
import ConvoyPostgres
import ConvoyText
import Foundation
import TestSupport
import Testing

@testable import ConvoyInstance
@testable import ConvoyRun

/// The hints, with errors of a real server wherever one can be made to give them.
@Suite(.timeLimit(.minutes(3)))
struct SQLStateHintTests {
    struct Example: Sendable, CustomTestStringConvertible {
        var sqlstate: String
        var up: String
        var hints: [String]
        var statementTimeout: Duration?
        var testDescription: String { "\(sqlstate) \(up.prefix(40))" }

        init(_ sqlstate: String, _ up: String, _ hints: String..., statementTimeout: Duration? = nil) {
            (self.sqlstate, self.up, self.hints, self.statementTimeout) = (sqlstate, up, hints, statementTimeout)
        }
    }

    @Test(arguments: [
        Example("42501", "CREATE EXTENSION cube;\nCREATE EXTENSION earthdistance;", "Must be superuser", "-- convoy:admin"),
        Example("42501", "INSERT INTO pg_catalog.pg_description VALUES (1, 1, 1, '');", "the role lacks a right"),
        Example("0A000", "CREATE TABLE t (x int);\nCREATE VIEW v AS SELECT x FROM t;\nALTER TABLE t ALTER x TYPE bigint;", "a view, rule"),
        Example("0A000", "CREATE EXTENSION there_is_none;", "contrib package"),
        Example("22003", "CREATE TABLE t (x int);\nINSERT INTO t VALUES (100000);\nALTER TABLE t ALTER x TYPE smallint;", "too large"),
        Example("22001", "CREATE TABLE t (x text);\nINSERT INTO t VALUES ('abc');\nALTER TABLE t ALTER x TYPE varchar(2);", "shorten it"),
        Example(
            "22P02",
            "CREATE TABLE t (x text);\nINSERT INTO t VALUES ('abc');\nALTER TABLE t ALTER x TYPE int USING x::int;",
            "that the statement asks for"
        ),
        Example("23502", "CREATE TABLE t (x int);\nINSERT INTO t VALUES (NULL);\nALTER TABLE t ALTER x SET NOT NULL;", "NULL"),
        Example(
            "23503",
            "CREATE TABLE t (x int PRIMARY KEY);\nCREATE TABLE u (x int);\nINSERT INTO u VALUES (1);\nALTER TABLE u ADD FOREIGN KEY (x) REFERENCES t;",
            "refers to a row that does not exist"
        ),
        Example("23505", "CREATE TABLE t (x int);\nINSERT INTO t VALUES (1), (1);\nCREATE UNIQUE INDEX ON t (x);", "duplicates"),
        Example("23514", "CREATE TABLE t (x int);\nINSERT INTO t VALUES (1);\nALTER TABLE t ADD CHECK (x > 1);", "constraint"),
        Example(
            "2BP01",
            "CREATE TABLE t (x int);\nCREATE VIEW v AS SELECT x FROM t;\nDROP TABLE t;",
            "Use DROP ... CASCADE",
            "CASCADE would drop it"
        ),
        Example("42P01", "ALTER TABLE there_is_none ADD x int;", "does not match the ledger"),
        Example("42703", "CREATE TABLE t (x int);\nALTER TABLE t DROP y;", "does not match the ledger"),
        Example("42704", "CREATE TABLE t (x there_is_none);", "does not match the ledger"),
        Example("3F000", "CREATE TABLE there_is_none.t (x int);", "does not match the ledger"),
        Example("42P07", "CREATE TABLE t (x int);\nCREATE TABLE t (x int);", "already exists"),
        Example("42701", "CREATE TABLE t (x int);\nALTER TABLE t ADD x int;", "already exists"),
        Example("42710", "CREATE TYPE t AS ENUM ();\nCREATE TYPE t AS ENUM ();", "already exists"),
        Example("42883", "SELECT ll_to_earth(1, 2);", "earthdistance"),
        Example("57014", "SELECT pg_sleep(20);", "longer than statement_timeout", statementTimeout: .milliseconds(100)),
        Example("57014", "SELECT pg_cancel_backend(pg_backend_pid());", "cancelled by a user"),
    ])
    func ofAMigration(_ example: Example) async throws {
        let set = try migrationSet([(1, migrationText(example.up))])
        try await withDatabase { database in
            let instance = database.instance(admin: .some(nil)) { settings in
                if let timeout = example.statementTimeout { settings.statementTimeout = timeout }
            }
            let failure = try #require(await InstanceRunner(set).up(instance).failure)
            #expect(failure.sqlstate == example.sqlstate, "\(failure)")
            var rest = Substring([failure.serverHint, failure.hint].compactMap(\.self).joined(separator: "\n"))
            // In this order: the server's, which is kept apart, and ours.
            for hint in example.hints {
                let range = try #require(rest.range(of: hint), "“\(hint)” is not in \(failure)")
                rest = rest[range.upperBound...]
            }
        }
    }

    @Test func ofASessionThatCannotBeHad() async throws {
        let set = try threeMigrations()
        try await withDatabase(owner: .password("s3cret")) { database in
            func check(_ sqlstate: String, _ hint: String, _ change: (inout ConnectionParameters) -> Void) async {
                var connection = database.ownerOverTCP()
                change(&connection)
                let failure = await InstanceRunner(set).status(database.instance(connection: connection)).failure
                #expect(failure?.sqlstate == sqlstate, "\(String(describing: failure))")
                #expect(failure?.hint?.contains(hint) == true, "\(String(describing: failure))")
            }
            let name = "\"\(database.name)\""
            await check("28P01", "the password is wrong") { $0["password"] = "wrong" }
            await check("28000", "pg_hba.conf") { $0["user"] = "there_is_none" }
            await check("3D000", "the database does not exist") { $0["dbname"] = "there_is_none" }
            try await database.server.execute("ALTER DATABASE \(name) CONNECTION LIMIT 0")
            await check("53300", "max_connections") { _ in }
            try await database.server.execute(
                "ALTER DATABASE \(name) CONNECTION LIMIT -1",
                "ALTER DATABASE \(name) ALLOW_CONNECTIONS false"
            )
            await check("55000", "ALLOW_CONNECTIONS") { _ in }
            try await database.server.execute(
                "ALTER DATABASE \(name) ALLOW_CONNECTIONS true",
                "REVOKE CONNECT ON DATABASE \(name) FROM PUBLIC"
            )
            try await database.server.execute("REVOKE CONNECT ON DATABASE \(name) FROM \"\(database.ownerName)\"")
            await check("42501", "GRANT CONNECT") { _ in }
        }
    }

    /// What no test can do to a server that others use.
    @Test(arguments: [
        ("53100", "the disk is full"), ("53200", "out of memory"), ("XX001", "invalid page"), ("XX002", "index is broken"),
        ("58030", "could not read"), ("58P01", "no such file"), ("57P01", "terminated"), ("57P03", "starting up"), ("55P03", "lock"),
        ("40P01", "deadlock"), ("25006", "read-only"), ("26000", "no statement"),
    ])
    func ofTheServer(_ sqlstate: String, _ message: String) {
        let message = ServerMessage(severity: "ERROR", sqlstate: sqlstate, message: message)
        for occasion in [SQLStateHint.Occasion.migrating, .anytime] {
            #expect(SQLStateHint.text(for: message, statement: "SELECT 1", on: occasion) != nil)
        }
    }

    /// A tenant's function writes the HINT that it likes, and must not speak in our name.
    @Test func whatTheServerAdvisesIsKeptApart() async throws {
        let text = "run: convoy migrate --fleet /tmp/x --yes"
        let set = try migrationSet([(1, migrationText("DO $$ BEGIN RAISE 'no' USING ERRCODE = '53100', HINT = '\(text)'; END $$;"))])
        try await withDatabase { database in
            let failure = try #require(await InstanceRunner(set).up(database.instance()).failure)
            #expect(failure.serverHint == text)
            #expect(failure.hint?.contains("disk is full") == true && failure.hint?.contains("convoy migrate") == false)
            let again = try JSONDecoder().decode(Failure.self, from: Data(failure.json.line.utf8))
            #expect(again == failure)
        }
    }

    /// A login that failed with a password that looks odd says so.
    @Test(arguments: [
        ("wrong\n", "ends with a line break"), ("\u{FEFF}wrong", "begins with a byte order mark"), ("wrong ", "ends with a blank"),
    ])
    func aPasswordThatLooksOdd(_ password: String, _ words: String) async throws {
        let set = try threeMigrations()
        try await withDatabase(owner: .password("s3cret")) { database in
            var connection = database.ownerOverTCP()
            connection["password"] = password
            let failure = try #require(await InstanceRunner(set).status(database.instance(connection: connection)).failure)
            #expect(failure.sqlstate == "28P01")
            #expect(failure.hint?.contains("the password \(words)") == true, "\(failure)")
            #expect(!"\(failure)".contains("wrong\n") && !"\(failure)".contains("wrong "))
        }
    }

    @Test func aWrongPasswordOfASecretCommandNamesTheCommand() async throws {
        let set = try threeMigrations()
        try await withDatabase(owner: .password("s3cret")) { database in
            let command = SecretCommand(name: "vault", program: "vault", arguments: [["", ""]])
            let commands = SecretCommands([command], environment: [:]) { _, _ in .success(Secret("'s3cret'")) }
            var connection = database.ownerOverTCP()
            connection[late: "password"] = LateSecret([.reference(SecretReference(command: "vault", key: "alice"))], commands: commands)
            let failure = try #require(await InstanceRunner(set).status(database.instance(connection: connection)).failure)
            #expect(failure.sqlstate == "28P01")
            #expect(
                failure.hint
                    == "secret command vault gave a value for “alice” that stands in quotation marks: remove what does not belong to it"
            )
        }
    }

    /// What is said of a migration is not said of a check that an operator wrote.
    @Test(arguments: ["42P01", "42703", "23505", "22003", "0A000"])
    func outsideMigrationsNothingIsSaidOfThem(_ sqlstate: String) {
        let message = ServerMessage(severity: "ERROR", sqlstate: sqlstate, message: "")
        #expect(SQLStateHint.text(for: message, statement: "ALTER", on: .anytime) == nil)
    }

    @Test func everyEntryCanBeReached() {
        for (index, hint) in SQLStateHint.table.enumerated() {
            for sqlstate in hint.sqlstates {
                #expect(sqlstate.count == 5)
                let earlier = SQLStateHint.table[..<index].contains { other in
                    guard case .none = other.condition else { return false }
                    return other.sqlstates.contains(sqlstate) && (other.occasion == .anytime || other.occasion == hint.occasion)
                }
                #expect(!earlier, "\(sqlstate): \(hint.meaning)")
            }
        }
    }

    // MARK: Where the server points

    @Test func thePlaceInALongStatementIsTheServers() async throws {
        let columns = (1...60).map { "    column_\($0) bigint NOT NULL DEFAULT 0," }.joined(separator: "\n")
        let up = "CREATE TABLE größe (\n\(columns)\n    last nosuchtype\n);"
        let set = try migrationSet([(1, migrationText(up))])
        try await withDatabase { database in
            let failure = try #require(await InstanceRunner(set).up(database.instance()).failure)
            #expect(failure.sqlstate == "42704")
            #expect(failure.line == 63)
            let scalars = try #require(failure.statement).unicodeScalars
            let place = scalars.index(scalars.startIndex, offsetBy: try #require(failure.position) - 1)
            #expect(String(scalars[place...]).hasPrefix("nosuchtype\n)"))
        }
    }
}
