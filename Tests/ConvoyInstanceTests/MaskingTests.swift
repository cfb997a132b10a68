import ConvoyIO
import ConvoyMigrations
import FoundationEssentials
import Testing

@testable import ConvoyRun

/// What a tenant or a server names after a secret is not shown, wherever a name may stand.
struct MaskingTests {
    private static let secret = "s3cr3tpassword9"
    private static let mask = SecretMask([secret])

    @Test func noTextOfALockHolderShowsASecret() throws {
        let holder = LockHolder(
            pid: 1,
            application: Self.secret,
            address: Self.secret,
            since: Self.secret,
            role: Self.secret,
            transaction: Self.secret
        )
        let waiting = Event.Kind.instanceWaiting(
            instance: "alice",
            reason: "role \(Self.secret) holds it",
            facts: WaitFacts(blockers: [holder], statement: "SELECT '\(Self.secret)'", line: nil)
        )
        #expect("\(waiting)".contains(Self.secret))
        #expect(!"\(waiting.masked(Self.mask))".contains(Self.secret))
        var failure = Failure(.lockBusy, "another session holds the lock")
        failure.lockedBy = holder
        #expect(!"\(failure.masked(Self.mask))".contains(Self.secret))
    }

    @Test func aRunThatATenantNamesAfterASecretIsLeftOut() throws {
        let run = "20260807T120000Z-000006"
        var status = InstanceStatus(name: "alice", server: "s", database: "a", labels: [:], outcome: .pending)
        let missing = AuditClaim.Missing(version: MigrationVersion(1), run: run, firstAppliedAt: nil, lastAppliedAt: nil)
        status.claim = AuditClaim(missing: missing, revertedAt: nil, isOfAnotherDatabase: false)
        #expect(status.masked(SecretMask(["other"])).claim?.missing?.run == run)
        let masked = try #require(status.masked(SecretMask([run])).claim?.missing)
        #expect(masked.run == nil && masked.version == MigrationVersion(1))
    }
}
