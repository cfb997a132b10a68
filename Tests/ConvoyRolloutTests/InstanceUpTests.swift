import ConvoyMigrations
import ConvoyPostgres
import ConvoyRollout
import TeslaMate
import TestSupport
import Testing

@Suite struct InstanceUpTests {
    @Test func bringsAnEmptyDatabaseToTheNewestVersion() async throws {
        let set = try teslaMateSet.get()
        try await withDatabase { database in
            let runner = InstanceRunner(set: set, steps: [EncryptAPITokens()])
            let log = EventLog()
            let result = await runner.change(database.instance(), .up(to: nil), run: "run-1", report: log.add)
            #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
            #expect(result.applied.map(\.version) == set.migrations.map(\.version))
            let ledger = try await database.ledger()
            #expect(ledger == set.migrations.map(\.version.value))
            let again = await runner.change(database.instance(), .up(to: nil), run: "run-2", report: log.add)
            #expect(again.outcome == .upToDate)
            let status = await runner.probe(database.instance(), for: .up(to: nil))
            #expect(status.outcome == .upToDate)
        }
    }
}
