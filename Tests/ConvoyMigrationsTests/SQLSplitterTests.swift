import ConvoyMigrations
import ConvoyText
import Testing

struct SQLSplitterTests {
    /// The statements, each as `line: text`, then the problems, each as `line:column message`.
    static func split(_ text: String) -> [String] {
        let source = SourceText(path: "a.sql", text: text)
        var splitter = SQLSplitter(source)
        var found: [String] = []
        while let piece = splitter.next() {
            guard case .statement(let statement) = piece else { continue }
            found.append("\(source.line(at: statement.range.lowerBound)): \(source.text(statement.range))")
        }
        return found + splitter.problems.map { "\($0.line ?? 0):\($0.column ?? 0) \($0.message)" }
    }

    @Test(arguments: [
        ("SELECT 1; SELECT 2", ["1: SELECT 1", "1: SELECT 2"]),
        ("\n\n  SELECT\n1 ;;\n; SELECT 2;", ["3: SELECT\n1", "5: SELECT 2"]),
        ("-- a\n/* b\n*/ SELECT 1 -- c\n + 1 -- d\n;", ["3: SELECT 1 -- c\n + 1"]),
        (" \n-- only a comment\n/* and another */\n", []),
        ("", []),
        (";", []),
        ("INSERT INTO a VALUES (';', $$;$$, \";\") /* ; */ -- ;\n;", ["1: INSERT INTO a VALUES (';', $$;$$, \";\")"]),
        ("DO $a$ BEGIN; END $a$; SELECT 1", ["1: DO $a$ BEGIN; END $a$", "1: SELECT 1"]),
        (
            "CREATE RULE r AS ON INSERT TO a DO ALSO (DELETE FROM b; UPDATE c SET d = (1); );\nSELECT 1;",
            ["1: CREATE RULE r AS ON INSERT TO a DO ALSO (DELETE FROM b; UPDATE c SET d = (1); )", "2: SELECT 1"]
        ),
        (
            "create or /* x */ replace rule r as on insert to a do (select 1; select 2); x",
            [
                "1: create or /* x */ replace rule r as on insert to a do (select 1; select 2)", "1: x",
            ]
        ),
        ("CREATE TABLE \"end\" (a int); END", ["1: CREATE TABLE \"end\" (a int)", "1: END"]),
        ("BEGIN; SELECT 1; END;", ["1: BEGIN", "1: SELECT 1", "1: END"]),
        ("SELECT begin atomic; SELECT 1", ["1: SELECT begin atomic", "1: SELECT 1"]),
    ])
    func statements(text: String, expected: [String]) {
        #expect(Self.split(text) == expected)
    }

    @Test(arguments: [
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END",
        "create or replace function f() returns int begin atomic select case when a then 1 else 2 end; end",
        "CREATE PROCEDURE p() BEGIN ATOMIC END",
        "CREATE PROCEDURE p() BEGIN /* x; */ ATOMIC -- ;\n INSERT INTO a VALUES (1); END",
        // END as a column's name, with and without AS, and after a dot
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1 AS end; SELECT 1 end; SELECT t.end FROM t; END",
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN (CASE a WHEN 1 THEN 2 END) > 1 THEN 2 END case; RETURN 1; END",
        "CREATE FUNCTION f(end_date date DEFAULT now()) RETURNS int BEGIN ATOMIC ; ; END",
        "CREATE FUNCTION f(\"atomic\" int, begin int) RETURNS int AS 'a;b' LANGUAGE sql",
    ])
    func functionBodiesStayWhole(function: String) {
        #expect(
            Self.split("\(function); SELECT 1;").last
                == "\(function.split(separator: "\n", omittingEmptySubsequences: false).count): SELECT 1"
        )
        #expect(Self.split("\(function); SELECT 1;").first == "1: \(function)")
        #expect(Self.split("\(function); SELECT 1;").count == 2)
        #expect(Self.split(function) == ["1: \(function)"])
    }

    @Test(arguments: [
        ("SELECT 1;\n  'a;", ["1: SELECT 1", "2:3 this string is never closed"]),
        ("é 'a", ["1:3 this string is never closed"]),
        ("SELECT E'a\\';", ["1:8 this string is never closed"]),
        ("SELECT \"a;", ["1:8 this quoted identifier is never closed"]),
        ("SELECT 1; /* a\n/* b */\n", ["1: SELECT 1", "1:11 this comment is never closed"]),
        ("DO $a$ BEGIN; $$;\n$A$;", ["1:4 this dollar-quoted string is never closed"]),
        ("CREATE TABLE a (b int;\nSELECT 1;", ["2: SELECT 1", "1:16 this parenthesis is still open at the semicolon on line 1"]),
        ("SELECT 1;\nSELECT (1 + (2)", ["1: SELECT 1", "2:8 this parenthesis is never closed"]),
        ("SELECT 1); SELECT 2", ["1: SELECT 1)", "1: SELECT 2", "1:9 this parenthesis has no opening parenthesis"]),
        ("CREATE RULE r AS ON INSERT TO a DO (SELECT 1; SELECT 2;", ["1:36 this parenthesis is never closed"]),
        ("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2;", ["1:33 this BEGIN ATOMIC has no END"]),
        ("\\connect postgres\nSELECT 1;", ["2: SELECT 1", "1:1 psql's backslash commands are not SQL and do not run here"]),
        (
            "SELECT 1 \\gset\n;\\.",
            [
                "1: SELECT 1", "1:10 psql's backslash commands are not SQL and do not run here",
                "2:2 psql's backslash commands are not SQL and do not run here",
            ]
        ),
    ])
    func problems(text: String, expected: [String]) {
        #expect(Self.split(text) == expected)
    }

    @Test func commentsTellWhereTheyStand() {
        let source = SourceText(path: "a.sql", text: "-- a\nSELECT -- b\n1; -- c\n/* d */ -- e")
        let comments = SQLSplitter(source).compactMap { piece -> String? in
            guard case .comment(let range, let statement) = piece else { return nil }
            return "\(source.text(range))\(statement.map { " in \($0)" } ?? "")"
        }
        #expect(comments == ["-- a", "-- b in 5", "-- c", "-- e"])
    }

    @Test func hintSaysThatAMarkerCutTheText() {
        let source = SourceText(path: "a.sql", text: "DO $$\n-- migrate:down\n$$;")
        var splitter = SQLSplitter(source, in: 0..<6)
        #expect(splitter.next() == nil)
        #expect(
            splitter.problems.map(\.hint) == [
                "close it with $$ before the section ends on line 2: a line that begins with `-- migrate:` starts a section even inside quotes"
            ]
        )
    }
}
