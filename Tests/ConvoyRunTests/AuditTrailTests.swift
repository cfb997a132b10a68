import ConvoyMigrations
import Foundation
import Testing

@testable import ConvoyRun

/// The order of an audit log's rows.
struct AuditTrailTests {
    private static let now = Date(timeIntervalSince1970: 1_800_000_000)

    @Test func rowsOfTheFutureAndRowsWithoutATimeAreTheLast() {
        let hour: TimeInterval = 60 * 60
        let entries = [
            entry(1, at: Self.now - 48 * hour),
            entry(2, at: Self.now + 1_000_000 * hour),
            entry(3, at: nil),
            entry(4, at: Self.now - hour),
            // A server's clock may be somewhat ahead.
            entry(5, at: Self.now + hour),
            entry(6, at: Self.now - hour),
        ]
        #expect(AuditEntry.newestFirst(entries, at: Self.now).map(\.version.value) == [5, 6, 4, 1, 3, 2])
    }

    private func entry(_ version: Int64, at date: Date?) -> AuditEntry {
        AuditEntry(
            version: MigrationVersion(version),
            name: "",
            direction: .up,
            run: "",
            startedAt: date,
            duration: .zero,
            appliedBy: "",
            convoyVersion: "",
            isOfThisDatabase: true
        )
    }
}
