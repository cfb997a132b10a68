import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import FoundationEssentials
import TestSupport
import Testing

@testable import ConvoyInstance
@testable import ConvoyRun

/// What an audit log says beyond the ledger: a hint, whatever a tenant writes there.
@Suite(.timeLimit(.minutes(3))) struct AuditClaimTests {
    private func row(_ version: Int64, _ direction: MigrationDirection = .up, at seconds: Double?, oid: String = "5") -> AuditLog.Row {
        AuditLog.Row(
            version: MigrationVersion(version),
            direction: direction,
            checksum: "c",
            startedAt: seconds.map(CatalogTime.init),
            run: "20260807T120000Z-00000\(version)",
            origin: AuditLog.Origin(systemIdentifier: "7", databaseOID: oid)
        )
    }

    private let identity = SessionIdentity(backendPID: 1, backendStart: "", systemIdentifier: "7", databaseOID: 5)

    private func claim(_ rows: [AuditLog.Row], ledger: [Int64], in identity: SessionIdentity? = nil) -> AuditClaim? {
        let times = Dictionary(ledger.map { (MigrationVersion($0), CatalogTime?.none) }) { first, _ in first }
        return AuditLog.Beyond(rows, ledger: times).claim(in: identity) { $0.value < 100 }
    }

    @Test func whatIsAppliedAndNotInTheLedger() {
        #expect(claim([], ledger: [1]) == nil)
        #expect(claim([row(1, at: 10)], ledger: [1]) == nil)
        let missing = claim([row(1, at: 10), row(2, at: 20), row(3, at: 30)], ledger: [1])?.missing
        #expect(missing?.version.value == 3 && missing?.run == "20260807T120000Z-000003")
        #expect(missing?.firstAppliedAt?.timeIntervalSince1970 == 20 && missing?.lastAppliedAt?.timeIntervalSince1970 == 30)
        // When the first was applied is known only if all times are.
        let dateless = claim([row(2, at: nil), row(3, at: 30)], ledger: [])?.missing
        #expect(dateless?.firstAppliedAt == nil && dateless?.lastAppliedAt?.timeIntervalSince1970 == 30)
        // Rolled back since, and applied again after that.
        let reverted = claim([row(2, at: 20), row(2, .down, at: 40)], ledger: [1])
        #expect(reverted?.missing == nil && reverted?.revertedAt?.timeIntervalSince1970 == 40)
        #expect(claim([row(2, at: 20), row(2, .down, at: 40), row(2, at: 60)], ledger: [1])?.missing?.version.value == 2)
        #expect(claim([row(2, .down, at: 40)], ledger: [1, 2]) == nil)
        // No set has it.
        #expect(claim([row(100, at: 20)], ledger: [1]) == nil)
    }

    @Test func whetherItIsThisDatabaseOnlyWhereThatIsKnown() {
        let other = [row(1, at: 10, oid: "6"), row(2, at: 20, oid: "6")]
        #expect(claim(other, ledger: [1, 2], in: identity)?.isOfAnotherDatabase == true)
        #expect(claim(other, ledger: [1, 2]) == nil)
        // Convoy has worked here since it was restored or cloned.
        #expect(claim(other + [row(3, at: 30)], ledger: [1, 2, 3], in: identity) == nil)
        #expect(claim([], ledger: [1], in: identity) == nil)
    }

    @Test func aFloodOfRowsIsBounded() throws {
        let rows = (0..<50_000).map { row(Int64($0) - 40_000, at: .infinity, oid: "\($0)") }
        let flood = try #require(claim(rows, ledger: [], in: identity))
        #expect(flood.missing?.version != nil && flood.missing?.firstAppliedAt == nil)
    }

    @Test(arguments: PostgresServer.Release.tested) func aForgedRowChangesNothingElse(_ release: PostgresServer.Release) async throws {
        let set = try threeMigrations()
        try await PostgresServer.shared(release).withDatabase { database in
            #expect(await InstanceRunner(set).up(database.instance(), to: 2).outcome == .migrated)
            let before = await InstanceRunner(set).status(database.instance())
            #expect(before.claim == nil)
            try await database.execute([
                """
                INSERT INTO convoy.migration_log SELECT gen_random_uuid(), 3, E'\\x1b[2J', 'up', 'c', E'run\\n' || repeat('x', 100000), 'infinity',
                    -1, 'me', '0', '1', 1
                """
            ])
            var after = await InstanceRunner(set).status(database.instance())
            #expect(after.claim?.missing?.version.value == 3)
            #expect(after.claim?.missing?.run == nil && after.claim?.missing?.lastAppliedAt == nil)
            after.claim = nil
            #expect(after == before)
            #expect(await InstanceRunner(set).up(database.instance()).outcome == .migrated)
            #expect(await InstanceRunner(set).status(database.instance()).claim == nil)
        }
    }

    @Test(arguments: PostgresServer.Release.tested) func aLedgerThatLostRows(_ release: PostgresServer.Release) async throws {
        let set = try threeMigrations()
        try await PostgresServer.shared(release).withDatabase { database in
            let run = "20260807T120000Z-00000a"
            #expect(await InstanceRunner(set).up(database.instance(), run: run).outcome == .migrated)
            try await database.execute(["DROP TABLE trips", "DELETE FROM schema_migrations WHERE version = 3"])
            let status = await InstanceRunner(set).status(database.instance())
            #expect(status.outcome == .pending && status.version?.value == 2)
            let missing = try #require(status.claim?.missing)
            #expect(missing.version.value == 3 && missing.run == run)
            #expect(status.claim?.isOfAnotherDatabase == false)
            try await database.execute(["UPDATE convoy.migration_log SET database_oid = 1"])
            #expect(await InstanceRunner(set).status(database.instance()).claim?.isOfAnotherDatabase == true)
        }
    }
}
