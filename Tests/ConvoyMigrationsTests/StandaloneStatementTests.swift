import Testing

@testable import ConvoyMigrations

struct StandaloneStatementTests {
    @Test(arguments: [
        ("CREATE INDEX CONCURRENTLY cars_vin ON cars (vin)", "cars_vin", "cars"),
        ("create unique index concurrently if not exists Cars_Vin\n on ONLY Public . Cars using btree (vin)", "Cars_Vin", "Public.Cars"),
        ("CREATE /* a */ INDEX -- b\n CONCURRENTLY IF NOT EXISTS -- c\n i ON cars (vin)", "i", "cars"),
        ("CREATE INDEX CONCURRENTLY IF NOT EXISTS \"My \"\"Index\" ON \"my cars\" (vin)", "\"My \"\"Index\"", "\"my cars\""),
        ("CREATE INDEX CONCURRENTLY IF NOT EXISTS U&\"d\\0061t\\+000061\" ON cars (vin)", "\"data\"", "cars"),
        ("CREATE INDEX CONCURRENTLY IF NOT EXISTS U&\"d!0061ta!!\" UESCAPE '!' ON cars (vin)", "\"data!\"", "cars"),
        ("CREATE INDEX CONCURRENTLY IF NOT EXISTS U&\"\\d83d\\de97\" ON cars (vin)", "\"🚗\"", "cars"),
        ("CREATE INDEX CONCURRENTLY IF NOT EXISTS größe_ÄÖ ON \"größe\" (vin)", "größe_ÄÖ", "\"größe\""),
        ("CREATE INDEX CONCURRENTLY ON cars (vin)", nil, "cars"),
    ])
    func readsTheIndexAndItsTable(statement: String, name: String?, table: String) {
        guard case .createIndex(let index, let cars) = StandaloneStatement(statement).kind else {
            Issue.record("\(StandaloneStatement(statement).kind)")
            return
        }
        #expect(index?.sql == name)
        #expect(cars.sql == table)
    }

    @Test(arguments: [
        ("CREATE INDEX CONCURRENTLY IF NOT EXISTS a ON b (c)", true), ("DROP INDEX CONCURRENTLY IF EXISTS a", true),
        ("REINDEX TABLE CONCURRENTLY a", true), ("REINDEX (VERBOSE, CONCURRENTLY) INDEX a", true), ("VACUUM", true),
        ("VACUUM (ANALYZE, FULL false) a", true), ("vacuum freeze a", true), ("ANALYZE a", true),
        ("ALTER TABLE a DETACH PARTITION b CONCURRENTLY", true),
        ("VACUUM FULL a", false), ("VACUUM (FULL) a", false), ("VACUUM (ANALYZE, FULL on) a", false), ("CLUSTER", false),
        ("CLUSTER a", false),
        ("REINDEX SCHEMA a", false), ("REINDEX (CONCURRENTLY false) TABLE a", false), ("REINDEX SYSTEM", false), ("CALL p()", false),
        ("ALTER TABLE a ADD COLUMN b int", false), ("ALTER TABLE a DETACH PARTITION b", false), ("CREATE INDEX a ON b (c)", false),
    ])
    func waitsOnlyForLocksThatHoldNothingUp(statement: String, waits: Bool) {
        #expect(StandaloneStatement(statement).waitsForLocks == waits)
    }
}
