import Foundation
import Testing

@testable import ConvoyMigrations

/// What is written into a ledger without running a migration, and how a plan has it.
struct CorrectionTests {
    private static func versions(_ numbers: Int64...) -> [MigrationVersion] { numbers.map { MigrationVersion($0) } }

    @Test func theResultIsWhatWasFoundWithoutAndWith() {
        var correction = Correction(.repair, found: Self.versions(3, 1, 9), records: Self.versions(2), removes: Self.versions(9))
        #expect(correction.found == Self.versions(1, 3, 9))
        #expect(correction.result == Self.versions(1, 2, 3))
        #expect(!correction.isEmpty)
        correction = Correction(.baseline, found: [])
        #expect(correction.result == [] && correction.isEmpty)
    }

    @Test(
        arguments: [
            ([1, 3], Correction.Standing.due), ([3, 1], .due), ([1, 2, 3], .done), ([1], .moved), ([], .moved), ([1, 2, 3, 4], .moved),
        ] as [([Int64], Correction.Standing)]
    )
    func whatALedgerMeans(_ ledger: [Int64], _ standing: Correction.Standing) {
        let correction = Correction(.repair, found: Self.versions(1, 3), records: Self.versions(2))
        #expect(correction.standing(ledger.map { MigrationVersion($0) }) == standing)
    }

    @Test func acceptedFilesAndIndexesAloneLeaveNoTraceInTheLedger() {
        var correction = Correction(.repair, found: Self.versions(1), accepts: Self.versions(1))
        #expect(correction.standing(Self.versions(1)) == .due)
        correction = Correction(.repair, found: Self.versions(1))
        correction.rebuilds = [Correction.Rebuild("public.a")]
        #expect(!correction.isEmpty && correction.standing(Self.versions(1)) == .due)
        #expect(Correction(.repair, found: Self.versions(1)).standing(Self.versions(1, 2)) == .done)
    }

    @Test(arguments: [
        (Change.baseline(at: nil), #"{"direction":"up","kind":"baseline"}"#),
        (.baseline(at: MigrationVersion(7)), #"{"direction":"up","kind":"baseline","to":"7"}"#),
        (.repair(at: nil), #"{"direction":"up","kind":"repair"}"#),
        (.repair(at: MigrationVersion(7)), #"{"direction":"up","kind":"repair","to":"7"}"#),
        (.up(to: MigrationVersion(7)), #"{"direction":"up","to":"7"}"#),
        (.undo(run: "r"), #"{"direction":"down","run":"r"}"#),
    ])
    func aPlanHasTheKind(_ change: Change, _ json: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        #expect(String(decoding: try encoder.encode(change), as: UTF8.self) == json)
        #expect(try JSONDecoder().decode(Change.self, from: Data(json.utf8)) == change)
    }

    @Test func whatNoPlanHas() throws {
        let change = Change.correct(Correction(.baseline, found: []))
        #expect(throws: EncodingError.self) { try JSONEncoder().encode(change) }
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode(Change.self, from: Data(#"{"direction":"up","kind":"other"}"#.utf8))
        }
        #expect(change.correctionKind == .baseline && !change.canBeReverted && change.direction == .up)
        #expect(Change.up(to: nil).canBeReverted && !Change.downSteps(1).canBeReverted)
    }

    @Test func noMigrationOfACorrectionRuns() throws {
        let set = try MigrationSet([])
        for change in [Change.baseline(at: nil), .repair(at: nil), .correct(Correction(.repair, found: []))] {
            #expect(try InstancePlan(set: set, applied: Self.versions(1), change: change).versions == [])
        }
    }
}
