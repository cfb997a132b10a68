import Testing

@testable import ConvoyMigrations

/// What a statement of a down section deletes.
struct StatementLossTests {
    @Test(
        arguments: [
            ("DROP TABLE cars", ["table cars"]),
            ("drop table if exists public.\"Odd, name\", b CASCADE", ["table public.\"Odd, name\"", "table b"]),
            ("DROP SCHEMA private CASCADE;", ["schema private"]),
            ("DROP MATERIALIZED VIEW IF EXISTS v", ["materialized view v"]),
            ("DROP INDEX cars_id", []),
            (
                "ALTER TABLE cars DROP COLUMN plate, DROP IF EXISTS vin, ADD c numeric(8, 2), DROP CONSTRAINT k",
                ["column cars.plate", "column cars.vin"]
            ),
            ("ALTER TABLE ONLY cars ALTER COLUMN a DROP NOT NULL", []),
            ("ALTER TABLE cars ADD CHECK (a IN ('x, DROP b')), /* , DROP c */ DROP d -- , DROP e", ["column cars.d"]),
            ("DELETE FROM ONLY cars WHERE id = 1", ["rows of cars"]),
            ("TRUNCATE TABLE cars, drives *, c RESTART IDENTITY", ["all rows of cars", "all rows of drives", "all rows of c"]),
            ("SELECT 'DROP TABLE cars'", []), ("DROP", []), ("ALTER TABLE", []), ("", []), ("DELETE", []), ("DROP TABLE ,", []),
        ] as [(String, [String])]
    )
    func isReadFromItsWords(_ text: String, _ losses: [String]) {
        #expect(SQLStatement(text: text, line: 1).losses.map(\.text) == losses)
    }

    @Test(
        arguments: [
            ("DROP TABLE cars, private.tokens", [["cars"], ["private", "tokens"]]), ("DROP SCHEMA private", [nil]),
            ("ALTER TABLE \"a.b\".\"c\" DROP d", [["\"a.b\"", "\"c\""]]), ("TRUNCATE a", [["a"]]), ("DELETE FROM b.c", [["b", "c"]]),
        ] as [(String, [[String]?])]
    )
    func namesTheTableWhoseRowsLoseSomething(_ text: String, _ tables: [[String]?]) {
        #expect(SQLStatement(text: text, line: 1).losses.map(\.table) == tables)
    }
}
