import ConvoyPostgres
import Foundation
import TestSupport
import Testing

/// `approve_within`: a gate that is not approved does not hold its run for days.
@Suite(.timeLimit(.minutes(3)))
struct ApprovalLimitTests {
    @Test func aRunThatIsNotApprovedInTimeHaltsAndIsResumed() async throws {
        try await PostgresServer.shared().withDatabases(2) { databases in
            let waves = ["{name: canary, names: [alice], on_failure: rollback, gate: {approve: true, approve_within: 8s}}", "{name: rest}"]
            try await withFleet(databases, waves: waves) { folder in
                let validated = try await runConvoy(["validate"], in: folder)
                #expect(validated.standardOutput.contains("gate approve within 8.0 s"), "\(validated.standardOutput)")

                let halted = try await runConvoy(["migrate", "--yes", "--output", "json"], in: folder)
                #expect(halted.exitCode == 2, "\(halted.standardError)")
                #expect(halted.standardError.contains("an approval within 8.0 s (convoy approve)"), "\(halted.standardError)")
                #expect(halted.standardError.contains("halted: the gate after wave canary was not approved within 8.0 s"))
                #expect(halted.standardError.contains("fix the cause, then run: convoy resume"))
                // A missing approval says nothing about the migrations: nothing is rolled back.
                let instances = try #require(try jsonObject(halted)["instances"] as? [[String: Any]])
                #expect(instances.map { $0["outcome"] as? String } == ["migrated", "pending"])

                let process = try ConvoyProcess(["resume", "--yes"], in: folder)
                process.closeInput()
                await process.wait { $0.standardError.contains("gate of wave canary: the next wave waits") }
                #expect(try await runConvoy(["approve"], in: folder).exitCode == 0)
                let resumed = try await process.result()
                #expect(resumed.exitCode == 0, "\(resumed.standardError)")
                let versions = try await databases[1].query("SELECT count(*) AS n FROM schema_migrations").onlyRow().int64("n")
                #expect(versions == 2)
            }
        }
    }
}
