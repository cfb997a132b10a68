import ConvoyMigrations
import ConvoyText
import Testing

struct MigrationFileTests {
    @Test func readsEverythingThatAFileCanSay() throws {
        let text = """
            -- Cars get names.
            -- migrate:up
            -- convoy:lock-timeout 5s
            -- convoy:statement-timeout 2h
            ALTER TABLE cars ADD COLUMN name text;
            -- convoy:step fill-names
              -- convoy:step check_names2
            ALTER TABLE cars
                ALTER COLUMN name SET NOT NULL

            -- migrate:down transaction:true
            -- Nobody misses them.
            ALTER TABLE cars DROP COLUMN name;

            """
        let migration = try MigrationFile.sample(text).migration()
        #expect(
            migration
                == Migration(
                    version: MigrationVersion(20_260_101_120_000),
                    name: "sample",
                    file: "Migrations/1_a.sql",
                    up: MigrationSection(
                        isTransactional: true,
                        elements: [
                            .statement(SQLStatement(text: "ALTER TABLE cars ADD COLUMN name text", line: 5)),
                            .step(name: "fill-names", line: 6),
                            .step(name: "check_names2", line: 7),
                            .statement(SQLStatement(text: "ALTER TABLE cars\n    ALTER COLUMN name SET NOT NULL", line: 8)),
                        ],
                        lockTimeout: .seconds(5),
                        statementTimeout: .seconds(7200)
                    ),
                    down: .section(
                        MigrationSection(
                            isTransactional: true,
                            elements: [.statement(SQLStatement(text: "ALTER TABLE cars DROP COLUMN name", line: 13))]
                        )
                    ),
                    checksum: migration.checksum
                )
        )
    }

    @Test func runsOneStatementOutsideATransaction() throws {
        let migration = try MigrationFile.sample(
            "-- migrate:up transaction:false\nCREATE INDEX CONCURRENTLY IF NOT EXISTS a ON b (c);\n"
                + "--migrate:down transaction:false\nDROP INDEX CONCURRENTLY IF EXISTS a;"
        ).migration()
        #expect(!migration.up.isTransactional)
        guard case .section(let down) = migration.down else {
            Issue.record("no way down")
            return
        }
        #expect(!down.isTransactional)
        #expect(down.elements == [.statement(SQLStatement(text: "DROP INDEX CONCURRENTLY IF EXISTS a", line: 4))])
    }

    @Test func aDownSectionMayBeEmptyOrIrreversible() throws {
        let empty = try MigrationFile.sample("-- migrate:up\nSELECT 1;\n-- migrate:down").migration()
        #expect(empty.down == .section(MigrationSection(isTransactional: true, elements: [])))
        let irreversible = try MigrationFile.sample("-- migrate:up\nSELECT 1;\n-- migrate:down\n-- convoy:irreversible  data is gone \n")
            .migration()
        #expect(irreversible.down == .irreversible(reason: "data is gone", line: 4))
    }

    @Test func anUpSectionThatChangesNothingSaysSo() throws {
        let migration = try MigrationFile.sample("-- migrate:up\n-- Nothing to do.\n-- migrate:down\n").migration()
        #expect(migration.up == MigrationSection(isTransactional: true, elements: []))
    }

    @Test func namesWhatNeedsAnAdministrator() throws {
        let migration = try MigrationFile.sample(
            "-- migrate:up\n-- convoy:admin cube  earthdistance\nSELECT 1;\n-- migrate:down\n-- convoy:admin"
        ).migration()
        #expect(migration.up.admin == AdminRequirement(extensions: ["cube", "earthdistance"]))
        #expect(
            migration.down == .section(MigrationSection(isTransactional: true, elements: [], admin: AdminRequirement(extensions: [])))
        )
    }

    /// Compare with `printf 'SELECT 1;\n\n' | sha256sum`.
    @Test(arguments: [
        "-- migrate:up\nSELECT 1;\n\n-- migrate:down\n",
        "-- remark\n-- migrate:up transaction:true\nSELECT 1;\n\n-- migrate:down\nSELECT 2;\n",
        "-- migrate:up\r\nSELECT 1;\r\n\r\n-- migrate:down\r\n-- convoy:irreversible no\r\n",
    ])
    func checksumCoversTheUpSectionAlone(text: String) throws {
        #expect(try MigrationFile.sample(text).migration().checksum == "b7be96acdff36b2dda2ac5d6a8bb06dde6bf9245958dbed5ead9c1a7ed1f22f9")
    }

    @Test func checksumChangesWithCommentsAndCarriageReturnsInside() throws {
        let texts = ["SELECT 1;", "SELECT 1; -- x", "SELECT 1;\n", "SELECT\r1;", "SELECT  1;"]
        let checksums = try texts.map { try MigrationFile.sample("-- migrate:up\n\($0)\n-- migrate:down\n").migration().checksum }
        #expect(Set(checksums).count == texts.count)
    }

    @Test func linesCountTheSameWithEitherLineEnd() throws {
        let text = "-- migrate:up\n\nDO $$\n;\n$$;\n-- convoy:step a\n-- migrate:down\nSELECT\n2;"
        let unix = try MigrationFile.sample(text).migration()
        let windows = try MigrationFile.sample(text.replacing("\n", with: "\r\n")).migration()
        #expect(unix == windows)
    }

    @Test(arguments: [
        ("", ["1 the file has no `-- migrate:up` line"]),
        ("SELECT 1;\n", ["1 the file has no `-- migrate:up` line"]),
        (
            " -- migrate:up\nSELECT 1;\n-- migrate:down\n",
            ["1:2 migrate:up is not at the start of its line, so it does not start a section"]
        ),
        ("-- migrate:up\nSELECT 1;\n", ["3 the file has no `-- migrate:down` line"]),
        ("-- migrate:up\n'\n", ["2:1 this string is never closed", "3 the file has no `-- migrate:down` line"]),
        ("-- migrate:down\nSELECT 1;\n-- migrate:up\nSELECT 2;", ["1:1 migrate:down comes before migrate:up"]),
        ("-- migrate:up\n--\n/* x */ ;\n-- migrate:down\n", ["1:1 the up section is empty"]),
        ("-- migrate:up\nSELECT 1;\n-- migrate:up\nSELECT 2;\n-- migrate:down\n", ["3:1 a second migrate:up; the first is on line 1"]),
        (
            "SELECT 0;\n-- migrate:up\nSELECT 1;\n-- migrate:down\n",
            ["1:1 only empty lines and -- comments may come before `-- migrate:up`"]
        ),
        (
            "/* a */\n-- migrate:up\nSELECT 1;\n-- migrate:down\n",
            ["1:1 only empty lines and -- comments may come before `-- migrate:up`"]
        ),
        ("-- convoy:step a\n-- migrate:up\nSELECT 1;\n-- migrate:down\n", ["1:1 convoy:step comes before the first section"]),
        (
            "-- migrate:up\nSELECT 1;\n -- migrate:down\n-- migrate:down\n",
            [
                "3:2 migrate:down is not at the start of its line, so it does not start a section"
            ]
        ),
        ("-- migrate:up\nSELECT 1; -- convoy:step a\n-- migrate:down\n", ["2:11 convoy:step is not on a line of its own"]),
        (
            "-- migrate:up\nSELECT 1\n-- convoy:step a\n-- migrate:down\n",
            ["3:1 convoy:step is inside the statement that begins on line 2"]
        ),
        (
            "-- migrate:up\n-- convoy:step\n-- convoy:step a b\n-- migrate:down\n",
            [
                "2:1 convoy:step names no step", "3:1 “a b” is not a step's name",
            ]
        ),
        ("-- migrate:up\nSELECT 1;\n-- convoy:irreversible a\n-- migrate:down\n", ["3:1 convoy:irreversible is in the up section"]),
        ("-- migrate:up\nSELECT 1;\n-- migrate:down\n-- convoy:irreversible\n", ["4:1 convoy:irreversible has no reason"]),
        (
            "-- migrate:up\nSELECT 1;\n-- migrate:down\n-- convoy:irreversible a\nSELECT 1;\n",
            [
                "4:1 convoy:irreversible cannot be combined with statements or other directives"
            ]
        ),
        (
            "-- migrate:up\n-- convoy:lock-timeout 5\n-- convoy:statement-timeout\nSELECT 1;\n-- migrate:down\n",
            [
                "2:1 “5” is not a duration", "3:1 convoy:statement-timeout has no duration",
            ]
        ),
        (
            "-- migrate:up\n-- convoy:lock-timeout 0s\n-- convoy:statement-timeout 25d\nSELECT 1;\n-- migrate:down\n",
            [
                "2:1 0s is out of range", "3:1 25d is out of range",
            ]
        ),
        (
            "-- migrate:up\n-- convoy:lock-timeout 1s\n-- convoy:lock-timeout 2s\nSELECT 1;\n-- migrate:down\n",
            [
                "3:1 convoy:lock-timeout is given more than once in this section"
            ]
        ),
        (
            "-- migrate:up\nSELECT 1;\n-- convoy:lock-timeout 2s\n-- migrate:down\n",
            [
                "3:1 convoy:lock-timeout comes after the statement on line 2, but applies to the whole section"
            ]
        ),
        (
            "-- migrate:up\nSELECT 1;\n-- convoy:admin cube\n-- migrate:down\n-- convoy:admin \"cube\"\n-- convoy:admin\n",
            [
                "3:1 convoy:admin comes after the statement on line 2, but applies to the whole section",
                "5:1 “\"cube\"” is not an extension's name",
                "6:1 convoy:admin is given more than once",
            ]
        ),
        (
            "-- migrate:up transaction:false\n-- convoy:admin\nVACUUM;\n-- migrate:down\n-- convoy:admin\n-- convoy:irreversible a\n",
            [
                "2:1 convoy:admin needs a transaction, and this section has transaction:false",
                "6:1 convoy:irreversible cannot be combined with statements or other directives",
            ]
        ),
        (
            "-- migrate:up transaction:false\nVACUUM a;\nVACUUM b;\n-- migrate:down\n",
            [
                "3:1 a section with transaction:false must contain exactly one statement; the first is on line 2"
            ]
        ),
        (
            "-- migrate:up transaction:false\nVACUUM a;\n-- convoy:step a\n-- migrate:down\n",
            [
                "3:1 a step needs a transaction, and this section has transaction:false"
            ]
        ),
        (
            "-- migrate:up transaction:false\n-- convoy:lock-timeout 1s\nVACUUM a;\n-- migrate:down\n",
            [
                "2:1 lock-timeout does not apply to this statement"
            ]
        ),
        (
            "-- migrate:up\n-- convoy:repeatable\nSELECT 1;\n-- migrate:down\n",
            ["2:1 convoy:repeatable does not apply in a transaction, which runs once or not at all"]
        ),
        (
            "-- migrate:up transaction:false\n-- convoy:repeatable\n-- convoy:repeatable\nCALL p();\n-- migrate:down\n",
            ["3:1 convoy:repeatable is given more than once"]
        ),
        (
            "-- migrate:up transaction:false\nVACUUM a;\n-- convoy:repeatable\n-- migrate:down\n",
            ["3:1 convoy:repeatable comes after the statement on line 2, but applies to the whole section"]
        ),
        (
            "-- migrate:up\nSELECT 1;\n-- migrate:down transaction:false\n",
            [
                "3:1 a section with transaction:false must contain exactly one statement, and this one is empty"
            ]
        ),
        (
            "-- migrate:up\nSELECT 1;\n-- migrate:down transaction:false\n-- convoy:irreversible a\n",
            [
                "3:1 a section with transaction:false must contain exactly one statement, and this one is empty"
            ]
        ),
        ("-- migrate:up transaction:false transaction:true\nVACUUM;\n-- migrate:down\n", ["1:1 transaction is given more than once"]),
        // All of a file at once, in the order of its lines
        (
            "-- migrate:up\nBEGIN;\nSET a = 1;\n\\d\n-- convoy:stepp a\nCOMMIT;\n-- migrate:down\nVACUUM;\nSELECT (1;\n",
            [
                "2:1 BEGIN controls the transaction, and only Convoy may do that",
                "3:1 SET outlives the migration: it changes the session, which other migrations share",
                "4:1 psql's backslash commands are not SQL and do not run here",
                "5:1 “convoy:stepp” is not a directive",
                "6:1 COMMIT controls the transaction, and only Convoy may do that",
                "8:1 VACUUM cannot run inside a transaction",
                "9:8 this parenthesis is still open at the semicolon on line 9",
            ]
        ),
        // The rows of a dump are not told one by one.
        (
            "-- migrate:up\nCOPY a (b) FROM stdin;\n1\tit's\n\\N\t(\n\\.\n\nSELECT 1;\nCOPY a FROM stdin;\n-- migrate:down\n",
            [
                "2:1 COPY … FROM STDIN needs data from the client, which a migration does not have",
                "8:1 COPY … FROM STDIN needs data from the client, which a migration does not have",
            ]
        ),
    ])
    func refuses(text: String, expected: [String]) {
        let problems = MigrationFile.sample(text).problems
        #expect(problems.map { "\($0.line ?? 0)\($0.column.map { ":\($0)" } ?? "") \($0.message)" } == expected)
        #expect(problems.allSatisfy { $0.hint?.isEmpty == false && $0.file == "Migrations/1_a.sql" && $0.severity == .error })
    }

    @Test(arguments: [
        ("-- migrate:dwon", "did you mean migrate:down?"),
        ("-- migrate:Down", "did you mean migrate:down?"),
        ("-- Migrate:down", "did you mean migrate:down?"),
        ("-- migrate:", "did you mean migrate:up?"),
        ("-- migrate:sideways", "available: "),
        ("-- migrat:down", "did you mean migrate:down?"),
        ("-- convoy:stpe a", "did you mean convoy:step?"),
        ("-- convoi:step a", "did you mean convoy:step?"),
        ("-- convoy:lock_timeout 5s", "did you mean convoy:lock-timeout?"),
        ("--convoy:irreversable a", "did you mean convoy:irreversible?"),
        ("-- convoy:xyz", "available: "),
        ("-- convoy: step a", "available: "),
    ])
    func hintsAtWhatADirectiveWasMeantToBe(line: String, hint: String) throws {
        let problems = MigrationFile.sample("-- migrate:up\nSELECT 1;\n\(line)\n-- migrate:down\n").problems
        let problem = try #require(problems.first { $0.message.hasSuffix("is not a directive") })
        #expect(problem.line == 3)
        #expect(problem.text == line)
        #expect(problem.hint?.hasPrefix(hint) == true)
    }

    @Test(arguments: [
        "-- TeslaMate: a remark", "-- note:up", "-- see https://example.org", "-- 12:30", "-- migrations: two", "-- steps: one, two", "--",
        "-- :",
        "/* convoy:step a */", "SELECT '-- convoy:step a';", "DO $$\n-- convoy:nonsense\n$$;", "---- migrate",
    ])
    func otherCommentsAreProse(line: String) {
        #expect(MigrationFile.sample("-- migrate:up\nSELECT 1;\n\(line)\n-- migrate:down\n").problems == [])
    }

    @Test(arguments: [
        ("-- migrate:up transaction:fasle", "did you mean transaction:false?"),
        ("-- migrate:up transaction=false", "did you mean transaction:false?"),
        ("-- migrate:up create cars", "the only option is"),
    ])
    func hintsAtOptions(marker: String, hint: String) {
        let problems = MigrationFile.sample("\(marker)\nSELECT 1;\n-- migrate:down\n").problems
        #expect(problems.first?.hint?.hasPrefix(hint) == true)
    }

    @Test(arguments: [
        (Array("-- migrate:up\nSELECT '".utf8) + [0xC3, 0x28], "byte 0xC3 at offset 22 is not UTF-8", 2),
        ([0xEF, 0xBB, 0xBF] + Array("-- migrate:up\n".utf8), "the file begins with a byte order mark", 1),
        ([0xFF, 0xFE, 0x2D, 0x00], "the file is UTF-16", 1),
        (Array("-- migrate:up\n\nSELECT '\0'".utf8), "the byte at offset 23 is NUL, which text in PostgreSQL cannot contain", 3),
        ([0xED, 0xA0, 0x80], "byte 0xED at offset 0 is not UTF-8", 1),
    ])
    func refusesBytes(contents: [UInt8], message: String, line: Int) {
        let file = MigrationFile(version: MigrationVersion(1), name: "a", path: "a.sql", contents: contents)
        #expect(file.problems.map(\.message) == [message])
        #expect(file.problems.map(\.line) == [line])
    }

    @Test func refusesWhatIsTooLarge() {
        let contents = [UInt8](repeating: 0x20, count: MigrationFile.sizeLimit + 1)
        let file = MigrationFile(version: MigrationVersion(1), name: "a", path: "a.sql", contents: contents)
        #expect(file.problems.map(\.message) == ["the file is larger than 16 MiB"])
    }

    @Test func stopsTellingAtSomePoint() {
        let problems = MigrationFile.sample("-- migrate:up\n" + String(repeating: "BEGIN;\n", count: 5000) + "-- migrate:down\n").problems
        #expect((50...60).contains(problems.count))
    }

    @Test func aProblemReadsWell() {
        let problems = MigrationFile.sample("-- migrate:up\nSELECT 1;\n  COMMIT;\n-- migrate:down\n").problems
        #expect(
            Problems(problems).description == """
                Migrations/1_a.sql:3:3: error: COMMIT controls the transaction, and only Convoy may do that
                    COMMIT
                    hint: remove it: the whole section runs in one transaction; put a statement that cannot run in one into a file of its own with transaction:false
                """
        )
    }

    @Test func aServersPositionGivesALine() {
        let statement = SQLStatement(text: "SELECT 'é',\r\n\n  nope", line: 7)
        #expect(statement.line(atPosition: 1) == 7)
        #expect(statement.line(atPosition: 13) == 7)
        #expect(statement.line(atPosition: 17) == 9)
        #expect(statement.line(atPosition: 0) == 7)
        #expect(statement.line(atPosition: 1000) == 9)
    }
}
