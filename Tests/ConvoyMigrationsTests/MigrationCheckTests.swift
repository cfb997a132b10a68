import ConvoyMigrations
import ConvoyText
import FoundationEssentials
import Testing

/// The files of `checks/`, read together with the migrations.
struct MigrationCheckTests {
    /// Four migrations and these files in `checks`.
    private static func withChecks(_ checks: [String: String], _ body: (String) throws -> Void) throws {
        let migrations = [1, 2, 3, 20].map { ("\($0)_m.sql", MigrationSetTests.good) }
        let files = migrations + checks.map { ("checks/\($0.key)", $0.value) }
        try MigrationSetTests.withDirectory(Dictionary(uniqueKeysWithValues: files), body)
    }

    private static func problems(_ checks: [String: String]) throws -> [String] {
        var problems: [String] = []
        try withChecks(checks) { problems = MigrationSetTests.problems($0) }
        return problems
    }

    @Test func readsQueriesWithTheirConditions() throws {
        let text = """
            -- A remark: with a colon.
            SELECT 'a''b;' /* ; */
            FROM cars; -- behind

            -- convoy:if-applied 1   2
            -- convoy:if-pending 3
            -- Another remark.
            WITH a AS (SELECT 1)
            SELECT * FROM a;
            VALUES ('c');
            (SELECT 1) UNION (SELECT 2)
            """
        try Self.withChecks(["20.sql": text.replacing("\n", with: "\r\n"), "README.md": "x", ".x.sql": "x"]) { directory in
            let set = try MigrationSet.load(directory: directory, displayedAs: "Migrations")
            #expect(set.migrations.count == 4)
            #expect(Array(set.checks.keys) == [MigrationVersion(20)])
            let check = try #require(set.checks[MigrationVersion(20)])
            #expect(check.version == MigrationVersion(20))
            #expect(check.file == "Migrations/checks/20.sql")
            let (one, two, three) = (MigrationVersion(1), MigrationVersion(2), MigrationVersion(3))
            #expect(
                check.queries == [
                    .init(statement: SQLStatement(text: "SELECT 'a''b;' /* ; */\nFROM cars", line: 2)),
                    .init(
                        statement: SQLStatement(text: "WITH a AS (SELECT 1)\nSELECT * FROM a", line: 8),
                        applied: [one, two],
                        pending: [three]
                    ),
                    .init(statement: SQLStatement(text: "VALUES ('c')", line: 10)),
                    .init(statement: SQLStatement(text: "(SELECT 1) UNION (SELECT 2)", line: 11)),
                ]
            )
            let ledgers: [Set<MigrationVersion>] = [[], [one], [one, two], [one, two, three]]
            let fits = ledgers.map(check.queries[1].fits)
            #expect(fits == [false, false, true, false])
            #expect(check.queries[0].fits(ledger: []))
        }
    }

    @Test func aSetNeedsNoChecks() throws {
        try Self.withChecks([:]) { directory in
            let set = try MigrationSet.load(directory: directory, displayedAs: "Migrations")
            #expect(set.checks.isEmpty)
        }
    }

    @Test(arguments: [
        ("", "1 the check has no query"),
        ("-- only words", "1 the check has no query"),
        ("SELECT 1;\n\n-- convoy:if-applied 1\n", "3 no query follows"),
        ("-- convoy:if-applied 1\n", "1 no query follows"),
        ("-- convoy:if-applied 4\nSELECT 1;", "1 no migration has the version 4"),
        ("-- convoy:if-applied x1\nSELECT 1;", "1 no migration has the version x1"),
        ("-- convoy:if-applied 1 0\nSELECT 1;", "1 no migration has the version 0"),
        ("-- convoy:if-applied 3\nSELECT 1;", "1 3 is not older than 3, the check's own version"),
        ("-- convoy:if-pending 20\nSELECT 1;", "1 20 is not older than 3, the check's own version"),
        ("-- convoy:if-applied\nSELECT 1;", "1 convoy:if-applied names no version"),
        ("-- convoy:if-aplied 1\nSELECT 1;", "1 “convoy:if-aplied” is not a directive of preflight checks"),
        ("-- convoy:step a\nSELECT 1;", "1 “convoy:step” is not a directive of preflight checks"),
        ("-- migrate:up\nSELECT 1;", "1 “migrate:up” is not a directive of preflight checks"),
        ("SELECT 1 -- convoy:if-applied 1\n;", "1 convoy:if-applied is inside the query that begins on line 1"),
        ("SELECT 1; -- convoy:if-applied 1\nSELECT 2;", "1 convoy:if-applied is not on a line of its own"),
        ("SELECT 1;\nCOMMIT;", "2 COMMIT controls the transaction, and only Convoy may do that"),
        ("SET search_path = a;", "1 SET outlives the migration: it changes the session, which other migrations share"),
        ("UPDATE cars SET id = 1;", "1 a preflight check must be a query, and this statement is not one"),
        ("TABLE cars;", "1 a preflight check must be a query, and this statement is not one"),
        ("DO $$ BEGIN END $$;", "1 a preflight check must be a query, and this statement is not one"),
        ("SELECT 1 INTO a FROM b;", "1 INTO is not allowed in a preflight check, which only reads"),
        ("SELECT 1 FROM a FOR UPDATE;", "1 UPDATE is not allowed in a preflight check, which only reads"),
        ("WITH a AS (SELECT 1) INSERT INTO b SELECT 1;", "1 INSERT is not allowed in a preflight check, which only reads"),
        ("WITH a AS (DELETE FROM b RETURNING 1) SELECT 1;", "1 DELETE is not allowed in a preflight check, which only reads"),
        ("WITH a AS MATERIALIZED (merge INTO b USING c ON d) SELECT 1;", "1 MERGE is not allowed in a preflight check, which only reads"),
        ("SELECT (1;", "1 this parenthesis is still open at the semicolon on line 1"),
        ("SELECT 'a;", "1 this string is never closed"),
        ("\\d", "1 psql's backslash commands are not SQL and do not run here"),
        ("\u{FEFF}SELECT 1;", "1 the file begins with a byte order mark"),
    ])
    func isRefused(text: String, problem: String) throws {
        #expect(try Self.problems(["3.sql": text]) == ["Migrations/checks/3.sql:\(problem)"])
    }

    @Test(arguments: [
        "SELECT \"update\" FROM a", "SELECT x.value FROM (SELECT replace('insert', 'a', 'b') AS value) AS x", "SELECT count(*) FROM a",
    ])
    func isTaken(text: String) throws {
        #expect(try Self.problems(["3.sql": text]) == [])
    }

    @Test func tellsEveryProblemOfTheFolderAtOnce() throws {
        let files = [
            "1.sql": "SELECT 1;\nBEGIN;\nCOMMIT;", "4.sql": "SELECT 1;", "2_name.sql": "SELECT 1;", "x.sql": "SELECT 1;",
            "3.SQL": "SELECT 1;",
            "0.sql": "SELECT 1;",
        ]
        let problems = try Self.problems(files)
        #expect(
            Set(problems) == [
                "Migrations/checks/1.sql:2 BEGIN controls the transaction, and only Convoy may do that",
                "Migrations/checks/1.sql:3 COMMIT controls the transaction, and only Convoy may do that",
                "Migrations/checks/4.sql:1 no migration has the version 4",
                "Migrations/checks/2_name.sql the file's name is not <version>.sql",
                "Migrations/checks/x.sql the file's name is not <version>.sql",
                "Migrations/checks/3.SQL the file's name is not <version>.sql",
                "Migrations/checks/0.sql the file's name is not <version>.sql",
            ]
        )
        #expect(try Self.problems(["1.sql": "SELECT 1;", "01.sql": "SELECT 1;"]).count == 1)
    }

    @Test func aFileInPlaceOfTheFolderIsRefused() throws {
        try MigrationSetTests.withDirectory(["1_m.sql": MigrationSetTests.good, "checks": "x"]) { directory in
            #expect(MigrationSetTests.problems(directory) == ["Migrations/checks this is a file, not the directory of checks"])
        }
    }

    @Test func aSetRefusesChecksOfOtherVersionsAndSecondOnes() throws {
        func check(_ version: Int64) -> MigrationCheck { MigrationCheck(version: MigrationVersion(version), file: "c", queries: []) }
        let migrations = try MigrationSet.sample([1, 2]).migrations
        #expect(try MigrationSet(migrations, checks: [check(2)]).checks.count == 1)
        for checks in [[check(3)], [check(1), check(1)]] {
            #expect(throws: Problems.self) { try MigrationSet(migrations, checks: checks) }
        }
    }
}
