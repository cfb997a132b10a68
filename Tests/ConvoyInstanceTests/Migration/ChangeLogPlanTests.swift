import ConvoyMigrations
import Testing

@testable import ConvoyInstance
@testable import ConvoyRun

/// Which plans a change may follow after what has happened. Needs no server.
@Suite struct ChangeLogPlanTests {
    private static let down = Change.down(to: MigrationVersion(1))

    private static func versions(_ numbers: [Int64]) -> [MigrationVersion] { ChangeLogTests.versions(numbers) }

    private static func log(_ change: Change, _ steps: [ChangeLogTests.Step]) -> ChangeLog { ChangeLogTests.log(change, steps) }

    @Test func aVersionIsDoneWhereTheChangeBringsIt() {
        let up = Self.log(.up(to: nil), [.began([1])])
        #expect(up.isDone(MigrationVersion(1)) && !up.isDone(MigrationVersion(2)))
        let down = Self.log(Self.down, [.began([1])])
        #expect(!down.isDone(MigrationVersion(1)) && down.isDone(MigrationVersion(2)))
    }

    @Test(
        arguments: [
            (.up(to: nil), [1, 2, 5], 5, 2), (.up(to: nil), [1, 2, 5], 3, 2), (.up(to: nil), [1, 2, 5], 6, 5), (.up(to: nil), [2], 1, nil),
            (.up(to: nil), [], 1, nil), (.downSteps(1), [1, 2], 2, nil),
        ] as [(Change, [Int64], Int64, Int64?)]
    )
    func aPlanStandsOnTheVersionBelow(_ change: Change, _ ledger: [Int64], first: Int64, expected: Int64?) {
        let log = Self.log(change, [.began(ledger)])
        #expect(log.predecessor(of: MigrationVersion(first)) == expected.map { MigrationVersion($0) })
    }

    /// The ledger lost the row of a version whose migration this change has committed.
    @Test(arguments: [([3, 4], nil), ([3, 2, 1], 2), ([1, 4], 1), ([], nil)] as [([Int64], Int64?)])
    func aVersionIsNotCommittedTwice(_ plan: [Int64], _ expected: Int64?) {
        let log = Self.log(.up(to: nil), [.began([]), .sent([1, 2]), .committed(1), .committed(2), .read([])])
        #expect(log.committedBefore(Self.versions(plan)) == expected.map { MigrationVersion($0) })
    }

    struct WayDown: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var change: Change
        /// What the first plan had.
        var planned: [Int64]
        /// The ledger when it is read again.
        var ledger: [Int64]
        /// What is left; nil if planning again is not restricted.
        var left: [Int64]?
        /// The version that stands on top of what was to be reverted; nil if there is none.
        var onTop: Int64?
    }

    private static func revert(_ numbers: [Int64], start: Int64?) -> Change {
        .revert(versions(numbers), start: start.map { MigrationVersion($0) })
    }

    @Test(arguments: [
        WayDown(testDescription: "up", change: .up(to: nil), planned: [2, 3], ledger: [1, 2]),
        WayDown(testDescription: "down to a version", change: down, planned: [3, 2], ledger: [1, 2, 3]),
        WayDown(testDescription: "by steps", change: .downSteps(2), planned: [3, 2], ledger: [1, 2, 3], left: [3, 2]),
        WayDown(testDescription: "by steps, one is done", change: .downSteps(2), planned: [3, 2], ledger: [1, 2], left: [2]),
        WayDown(testDescription: "by steps, all are done", change: .downSteps(2), planned: [3, 2], ledger: [1], left: []),
        WayDown(testDescription: "by steps, not lower than shown", change: .downSteps(1), planned: [3], ledger: [1, 2], left: []),
        WayDown(testDescription: "by steps, a new one on top", change: .downSteps(2), planned: [3, 2], ledger: [1, 2, 3, 4], onTop: 4),
        WayDown(testDescription: "by steps, all done and a new one", change: .downSteps(2), planned: [3, 2], ledger: [1, 4], left: []),
        WayDown(testDescription: "by name", change: revert([2, 3], start: 1), planned: [3, 2], ledger: [1, 2, 3], left: [3, 2]),
        WayDown(
            testDescription: "by name, more than was planned",
            change: revert([2, 3], start: 1),
            planned: [2],
            ledger: [2, 3],
            left: [3, 2]
        ),
        WayDown(
            testDescription: "by name, out of order",
            change: revert([2, 3], start: 5),
            planned: [3, 2],
            ledger: [1, 2, 3, 5],
            left: [3, 2]
        ),
        WayDown(
            testDescription: "by name, a new one on top",
            change: revert([2, 3], start: 5),
            planned: [3, 2],
            ledger: [2, 3, 6],
            onTop: 6
        ),
        WayDown(testDescription: "by name, no start", change: revert([2, 3], start: nil), planned: [3, 2], ledger: [2, 3, 6], onTop: 6),
        WayDown(testDescription: "by name, none is there yet", change: revert([2], start: 1), planned: [], ledger: [1], left: []),
    ])
    func theWayDownIsTheOneThatWasShown(_ example: WayDown) throws {
        let log = Self.log(example.change, [.began(example.ledger), .planned(example.planned), .read(example.ledger)])
        guard let onTop = example.onTop else {
            #expect(try log.leftToRevert() == example.left.map(Self.versions))
            return
        }
        let failure = #expect(throws: Failure.self) { try log.leftToRevert() }
        #expect(failure?.kind == .blocked)
        #expect(failure?.version == MigrationVersion(3))
        #expect(failure?.message == "version \(onTop) was applied meanwhile, on top of 3, which was to be reverted")
    }

    @Test func beforeThePlanNothingIsRestricted() throws {
        #expect(try Self.log(.downSteps(1), [.began([1, 2])]).leftToRevert() == nil)
    }

    @Test(
        arguments: [
            (.up(to: nil), [2], [2, 3], true), (.up(to: nil), [2], nil, true), (down, [3, 2], [2], true),
            (.downSteps(2), [3, 2], [3, 2], true),
            (.downSteps(2), [3, 2], [2, 3], true), (.downSteps(2), [3, 2], [4, 3], false), (.downSteps(2), [3, 2], [3], false),
            (.downSteps(2), [3, 2], nil, false), (revert([2, 3], start: 1), [3], [3, 2], true),
            (revert([2, 3], start: 1), [3], [3], false),
        ] as [(Change, [Int64], [Int64]?, Bool)]
    )
    func aNewPlanIsComparedWithWhatWasShown(_ change: Change, _ planned: [Int64], _ again: [Int64]?, isAsShown: Bool) {
        let log = Self.log(change, [.began([1, 2, 3]), .planned(planned)])
        #expect(log.isAsShown(again.map(Self.versions)) == isAsShown)
    }
}
