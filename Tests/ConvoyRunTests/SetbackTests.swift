import ConvoyMigrations
import ConvoyText
import FoundationEssentials
import Testing

@testable import ConvoyRun

/// When a database counts as set back, and how that is asked.
struct SetbackTests {
    /// 2026-08-08T09:00:00Z and some seconds.
    private static func moment(_ seconds: Double) -> Date { Date(timeIntervalSince1970: 1_786_179_600 + seconds) }

    private static func found(_ version: Int64?) -> VersionKnowledge {
        VersionKnowledge(version: version.map(MigrationVersion.init), at: moment(1000), source: .probe)
    }

    private static func recorded(_ version: Int64?, at seconds: Double = 100) -> VersionKnowledge {
        VersionKnowledge(version: version.map(MigrationVersion.init), at: moment(seconds), source: .run("r-7"))
    }

    private static func claim(_ version: Int64, at seconds: Double?, since first: Double? = nil, run: String = "20260807T120000Z-000006")
        -> AuditClaim?
    {
        AuditClaim(
            missing: AuditClaim.Missing(
                version: MigrationVersion(version),
                run: run,
                firstAppliedAt: (first ?? seconds).map(moment),
                lastAppliedAt: seconds.map(moment)
            ),
            revertedAt: nil,
            isOfAnotherDatabase: false
        )
    }

    private static let journal = Setback.Witness.journal(run: "r-7")
    private static let log = Setback.Witness.auditLog(run: "20260807T120000Z-000006")

    struct Case: Sendable {
        var found: Int64?
        var recorded: VersionKnowledge?
        var claim: AuditClaim?
        var witness: Setback.Witness?
        var version: Int64 = 0
    }

    static let cases: [Case] = [
        // Nothing speaks against it.
        Case(found: 3),
        Case(found: nil),
        Case(found: 3, recorded: recorded(3)),
        // Another tool has brought it further.
        Case(found: 4, recorded: recorded(3)),
        // The newest run brought it back itself.
        Case(found: 2, recorded: recorded(2)),
        Case(found: 2, recorded: recorded(nil)),
        // Behind the run.
        Case(found: 2, recorded: recorded(3), witness: journal, version: 3),
        Case(found: nil, recorded: recorded(3), witness: journal, version: 3),
        // What a run did after the probe, or at the same moment, is newer.
        Case(found: 2, recorded: recorded(3, at: 1000)),
        Case(found: 2, recorded: recorded(3, at: 2000)),
        // Behind the audit log.
        Case(found: 2, claim: claim(3, at: 50), witness: log, version: 3),
        Case(found: nil, claim: claim(3, at: nil), witness: log, version: 3),
        // A version in between is missing.
        Case(found: 4, claim: claim(3, at: 50), witness: log, version: 3),
        // The journal outweighs rows that are older, or that have no time; newer ones are of another machine's run.
        Case(found: 3, recorded: recorded(3), claim: claim(4, at: 50)),
        Case(found: 3, recorded: recorded(3), claim: claim(4, at: nil)),
        Case(found: 3, recorded: recorded(3), claim: claim(4, at: 1e7)),
        Case(found: 3, recorded: recorded(3), claim: claim(4, at: 500), witness: log, version: 4),
        Case(found: 2, recorded: recorded(3), claim: claim(9, at: 500), witness: journal, version: 3),
    ]

    @Test(arguments: cases) func rules(_ given: Case) {
        let setback = Setback(found: Self.found(given.found), recorded: given.recorded, claim: given.claim)
        #expect(setback?.witness == given.witness)
        #expect(setback?.version.value == given.witness.map { _ in given.version })
    }

    @Test func onlyAProbeCanBeBehind() {
        let known = VersionKnowledge(version: MigrationVersion(2), at: Self.moment(1000), source: .run("r-8"))
        #expect(Setback(found: known, recorded: Self.recorded(3), claim: nil) == nil)
    }

    @Test func itIsAQuestionWithBothPossibilities() throws {
        var setback = try #require(Setback(found: Self.found(2), recorded: Self.recorded(3), claim: nil))
        #expect(
            setback.text
                == "behind run r-7, which left it at 3: restored from an older backup, or rolled back by another tool or with another journal?"
        )
        setback.backupBefore = Self.moment(90)
        #expect(
            setback.text
                == "behind run r-7, which left it at 3: restored from a backup of before 2026-08-08 09:01:30Z, or rolled back by another tool or with another journal?"
        )
        setback.isAnotherDatabase = true
        #expect(setback.text.hasSuffix(" into a new database, or not the same installation?"))
        let claimed = try #require(Setback(found: Self.found(2), recorded: nil, claim: Self.claim(3, at: 80, since: 70)))
        #expect(
            claimed.text
                == "behind its audit log, which has 3 as applied in run 20260807T120000Z-000006: restored from a backup of before 2026-08-08 09:01:10Z, "
                + "or rolled back by another tool or with another journal?"
        )
        #expect(
            claimed.json.line == """
                {"source":"audit-log","run":"20260807T120000Z-000006","version":"3","recorded_at":"2026-08-08T09:01:20.000Z",\
                "backup_before":"2026-08-08T09:01:10.000Z","another_database":false,"message":"\(claimed.text)"}
                """
        )
    }

    /// A tenant can write anything into its log.
    @Test(arguments: ["", "20260807T120000Z-000006\n", "\u{1B}[2J", "r 6", "r-6", "pay-me", String(repeating: "x", count: 41), "läuft"])
    func aRunThatNoConvoyNamesIsLeftOut(run: String) throws {
        let setback = try #require(Setback(found: Self.found(2), recorded: nil, claim: Self.claim(3, at: 80, run: run)))
        #expect(setback.witness == .auditLog(run: nil))
    }

    @Test func aTimeInTheFutureIsNoTime() throws {
        let setback = try #require(Setback(found: Self.found(2), recorded: nil, claim: Self.claim(3, at: 1e7)))
        #expect(setback.recordedAt == nil && setback.backupBefore == nil)
        // A clock that is a little ahead.
        let ahead = try #require(Setback(found: Self.found(2), recorded: nil, claim: Self.claim(3, at: 1060)))
        #expect(ahead.recordedAt == Self.moment(1000))
    }

    @Test func whatAnEndTells() {
        func known(_ outcome: Outcome, _ version: Int64?) -> VersionKnowledge? {
            VersionKnowledge(InstanceResult(outcome: outcome, to: version.map(MigrationVersion.init)), run: "r-7", at: Self.moment(0))
        }
        #expect(known(.migrated, 3)?.version?.value == 3)
        #expect(known(.rolledBack, nil) != nil)
        #expect(known(.failed, 2)?.version?.value == 2)
        #expect(known(.unreachable, nil) == nil && known(.skipped, nil) == nil && known(.unknown, nil) == nil)
        #expect(known(.migrated, 3)?.age(at: Self.moment(10_800)) == "3 h ago (run r-7)")
    }
}
