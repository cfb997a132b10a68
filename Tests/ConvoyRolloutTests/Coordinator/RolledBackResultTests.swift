import ConvoyMigrations
import Testing

@testable import ConvoyRollout
@testable import ConvoyRun

/// What is said of an instance that was rolled back to where it started: what holds at the end comes first.
struct RolledBackResultTests {
    private static let up = AppliedMigration(version: MigrationVersion(2), direction: .up, duration: .zero)
    private static let down = AppliedMigration(version: MigrationVersion(2), direction: .down, duration: .zero)

    private func ended(_ outcome: Outcome, _ message: String) -> InstanceResult {
        InstanceResult(
            outcome: outcome,
            from: MigrationVersion(1),
            to: MigrationVersion(2),
            applied: [Self.up],
            failure: Failure(outcome, message)
        )
    }

    @Test(arguments: [
        ("check cars: no row; the database was migrated", "rolled back to 1, after: check cars: no row"),
        ("numeric field overflow", "rolled back to 1, after: numeric field overflow"),
    ])
    func aFailureThatWasRolledBackReadsTrue(_ message: String, _ expected: String) {
        let rollback = InstanceResult(outcome: .rolledBack, from: MigrationVersion(2), to: MigrationVersion(1), applied: [Self.down])
        let result = ended(.checkFailed, message).rolledBack(by: rollback, nil)
        #expect(result.outcome == .checkFailed)
        #expect(result.to == MigrationVersion(1))
        #expect(result.failure?.message == expected)
    }

    @Test func whereNothingWasRevertedNothingIsSaidOfIt() {
        let rollback = InstanceResult(outcome: .upToDate, from: MigrationVersion(1), to: MigrationVersion(1))
        #expect(ended(.failed, "no").rolledBack(by: rollback, nil).failure?.message == "no")
    }

    @Test func beforeTheFirstMigration() {
        let rollback = InstanceResult(outcome: .rolledBack, from: MigrationVersion(2), to: nil, applied: [Self.down])
        let message = ended(.failed, "no").rolledBack(by: rollback, nil).failure?.message
        #expect(message == "rolled back to before the first migration, after: no")
    }
}
