import Testing

@testable import ConvoyInstance

/// Which statements a session keeps, and under which names. Needs no server.
@Suite struct KeptStatementsTests {
    private static func statements(_ round: Int, isPrepared: Bool, _ audit: RepeatedStatements.AuditUse = .writesAndReads)
        -> RepeatedStatements
    {
        RepeatedStatements(round: round, isPrepared: isPrepared, audit: audit)
    }

    @Test func theFirstMigrationOfASessionPreparesThem() {
        var kept = KeptStatements()
        #expect(kept.next(isFirstOfBatch: true, audit: .writesAndReads) == Self.statements(1, isPrepared: false))
        #expect(kept.next(isFirstOfBatch: false, audit: .writesAndReads) == Self.statements(1, isPrepared: true))
        kept.wasPrepared()
        #expect(kept.next(isFirstOfBatch: true, audit: .writesAndReads) == Self.statements(1, isPrepared: true))
        #expect(kept.next(isFirstOfBatch: false, audit: .writesAndReads) == Self.statements(1, isPrepared: true))
    }

    /// It is not known how far the first attempt came, so its names are not used again.
    @Test func anotherAttemptHasOtherNames() {
        var kept = KeptStatements()
        _ = kept.next(isFirstOfBatch: true, audit: .none)
        let second = kept.next(isFirstOfBatch: true, audit: .none)
        #expect(second == Self.statements(2, isPrepared: false, .none))
        #expect(second?.name(.readBack) == "convoy_read_back_2")
    }

    @Test func anotherUseOfTheAuditLogHasOtherStatements() {
        var kept = KeptStatements()
        _ = kept.next(isFirstOfBatch: true, audit: .none)
        kept.wasPrepared()
        #expect(kept.next(isFirstOfBatch: true, audit: .writes) == Self.statements(2, isPrepared: false, .writes))
        kept.wasPrepared()
        #expect(kept.next(isFirstOfBatch: true, audit: .writes) == Self.statements(2, isPrepared: true, .writes))
    }

    @Test func anotherSessionBeginsAnew() {
        var kept = KeptStatements()
        _ = kept.next(isFirstOfBatch: true, audit: .none)
        kept.wasPrepared()
        kept.sessionChanged()
        #expect(kept.present == nil)
        // What the lost session said about its preparations does not concern the new one.
        kept.wasPrepared()
        #expect(kept.next(isFirstOfBatch: true, audit: .none) == Self.statements(1, isPrepared: false, .none))
    }

    @Test func onceThrownAwayTheyAreNotKeptAgain() {
        var kept = KeptStatements()
        _ = kept.next(isFirstOfBatch: true, audit: .none)
        kept.wasThrownAway()
        #expect(kept.next(isFirstOfBatch: true, audit: .none) == nil)
        kept.sessionChanged()
        #expect(kept.next(isFirstOfBatch: true, audit: .none) == nil)
        #expect(!kept.areWanted)
    }
}
