import ConvoyFleet
import ConvoyMigrations
import ConvoyRollout
import ConvoyRun
import FoundationEssentials
import TestSupport
import Testing

@testable import ConvoyKit

/// What a run did, and which of its instances may be brought back.
@Suite struct RunReversalTests {
    private static let run = RunID("20260101T000000Z-aaaaaa")

    private static func versions(_ numbers: [Int64]) -> [MigrationVersion] { numbers.map { MigrationVersion($0) } }

    private static func version(_ number: Int64?) -> MigrationVersion? { number.map { MigrationVersion($0) } }

    private static func applied(_ numbers: [Int64], _ direction: MigrationDirection = .up) -> [AppliedMigration] {
        versions(numbers).map { AppliedMigration(version: $0, direction: direction, duration: .zero) }
    }

    // MARK: What the run did

    struct Story: CustomTestStringConvertible, Sendable {
        var testDescription: String
        var events: [Event.Kind]
        var back: RunPlan.WayBack?
        var left: Int64?
    }

    /// The instance began at version 1, with 2 and 3 pending.
    static let stories = [
        Story(testDescription: "it was not reached", events: []),
        Story(
            testDescription: "it was migrated",
            events: [
                .instanceStarted(instance: "a", wave: "all"),
                .instanceFinished(
                    instance: "a",
                    result: InstanceResult(outcome: .migrated, from: version(1), to: version(3), applied: applied([2, 3]))
                ),
            ],
            back: RunPlan.WayBack(version: version(1), applied: versions([2, 3])),
            left: 3
        ),
        Story(
            testDescription: "it failed after one migration",
            events: [
                .instanceStarted(instance: "a", wave: "all"),
                .instanceFinished(
                    instance: "a",
                    result: InstanceResult(outcome: .failed, from: version(1), to: version(2), applied: applied([2]))
                ),
            ],
            back: RunPlan.WayBack(version: version(1), applied: versions([2])),
            left: 2
        ),
        Story(
            testDescription: "it failed at once",
            events: [
                .instanceStarted(instance: "a", wave: "all"),
                .instanceFinished(instance: "a", result: InstanceResult(outcome: .failed, from: version(1), to: version(1))),
            ]
        ),
        Story(
            testDescription: "the run itself rolled it back",
            events: [
                .instanceStarted(instance: "a", wave: "all"),
                .instanceFinished(
                    instance: "a",
                    result: InstanceResult(outcome: .failed, from: version(1), to: version(2), applied: applied([2]))
                ),
                .rollbackStarted(instance: "a", wave: "all"),
                .rollbackFinished(
                    instance: "a",
                    result: InstanceResult(
                        outcome: .rolledBack,
                        from: version(1),
                        to: version(1),
                        applied: applied([2]) + applied([2], .down)
                    )
                ),
            ]
        ),
        Story(
            testDescription: "it was cancelled after one migration",
            events: [
                .instanceStarted(instance: "a", wave: "all"),
                .instanceFinished(
                    instance: "a",
                    result: InstanceResult(outcome: .interrupted, from: version(1), to: version(2), applied: applied([2]))
                ),
            ],
            back: RunPlan.WayBack(version: version(1), applied: versions([2])),
            left: 2
        ),
        Story(
            testDescription: "the process was killed: what was pending may be applied",
            events: [
                .instanceStarted(instance: "a", wave: "all"),
                .instancePlanned(instance: "a", from: version(1), pending: versions([2, 3])),
                .migrationApplied(instance: "a", migration: applied([2])[0]),
            ],
            back: RunPlan.WayBack(version: version(1), applied: versions([2, 3]))
        ),
        Story(
            testDescription: "the connection was lost for good: so it may",
            events: [
                .instanceStarted(instance: "a", wave: "all"),
                .instanceFinished(instance: "a", result: InstanceResult(outcome: .unknown, from: version(1), to: version(1))),
            ],
            back: RunPlan.WayBack(version: version(1), applied: versions([2, 3]))
        ),
    ]

    private func plan() -> RunPlan {
        var planned = RunPlan.PlannedInstance(instances("a@s")[0])
        planned.start = InstanceStart(version: Self.version(1), pending: Self.versions([2, 3]))
        return RunPlan(
            fleet: "eu",
            generatedAt: Date(timeIntervalSince1970: 0),
            change: .up(to: nil),
            waves: [RunPlan.Wave(name: "all", instances: [planned])]
        )
    }

    @Test(arguments: stories) func isReadFromTheEventsOfTheRun(_ story: Story) {
        let plan = plan()
        var log = RunLog(announcing: plan.plannedWaves)
        for kind in [.runStarted(run: "r", fleet: "eu", waves: plan.plannedWaves), .waveStarted(wave: "all")] + story.events {
            log.apply(Event(at: Date(timeIntervalSince1970: 0), kind))
        }
        let trace = RunReversal(Self.run, plan, log).traces["a"]
        #expect(trace?.way == story.back)
        #expect(trace?.left == Self.version(story.left))
    }

    // MARK: What happened since

    struct Now: CustomTestStringConvertible, Sendable {
        var testDescription: String
        /// What the ledger's newest version is now; nil if there is none.
        var version: Int64?
        var pending: [Int64] = []
        var found: Int64? = 10
        var left: Int64? = 30
        var later = false
        var outcome = Outcome.pending
        var isRead = true
        var reason: String?
    }

    /// The run found the instance at 10, applied 20 and 30, and left it at 30.
    static let moments = [
        Now(testDescription: "as the run left it", version: 30, pending: [30, 20]),
        Now(testDescription: "as the run left it again, after a later run", version: 30, pending: [30, 20], later: true),
        Now(testDescription: "back already", version: 10, outcome: .upToDate),
        Now(testDescription: "back already, by a later run", version: 10, later: true, outcome: .upToDate),
        Now(testDescription: "a rollback of the run was cut off", version: 20, pending: [20]),
        Now(
            testDescription: "newer",
            version: 40,
            pending: [30, 20],
            reason: "it has moved on since run \(run): it is at 40, newer than 30, where the run left it"
        ),
        Now(
            testDescription: "older",
            version: 5,
            outcome: .upToDate,
            reason: "it has moved on since run \(run): it is at 5, older than 10, where the run found it"
        ),
        Now(
            testDescription: "a new database",
            version: nil,
            outcome: .upToDate,
            reason: "it has moved on since run \(run): it is at no version, older than 10, where the run found it"
        ),
        Now(
            testDescription: "a later run went down by one",
            version: 20,
            pending: [20],
            later: true,
            reason: "it has moved on since run \(run): run 20260102T000000Z-bbbbbb has changed it"
        ),
        Now(testDescription: "found without a version", version: 30, pending: [30, 20], found: nil),
        Now(testDescription: "back at no version", version: nil, found: nil, outcome: .upToDate),
        Now(testDescription: "where it was left is not known", version: 20, pending: [20], left: nil),
        Now(
            testDescription: "where it was left is not known, and it is newer than all that the run applies",
            version: 40,
            pending: [30, 20],
            left: nil,
            reason: "it has moved on since run \(run): it is at 40, newer than 30, where the run left it"
        ),
        Now(testDescription: "it cannot be reached", version: nil, outcome: .unreachable, isRead: false),
    ]

    @Test(arguments: moments) func anInstanceThatHasMovedOnIsRefused(_ now: Now) {
        let trace = RunReversal.Trace(
            way: RunPlan.WayBack(version: Self.version(now.found), applied: Self.versions([20, 30])),
            left: Self.version(now.left),
            server: "s",
            database: "d"
        )
        var reversal = RunReversal(run: Self.run, traces: ["a": trace])
        if now.later { reversal = reversal.followed(by: RunID("20260102T000000Z-bbbbbb"), changing: ["a", "stranger"]) }
        let status = InstanceStatus(
            name: "a",
            server: "s",
            database: "d",
            labels: [:],
            outcome: now.outcome,
            version: Self.version(now.version),
            pending: Self.versions(now.pending),
            serverVersion: now.isRead ? "17.2" : nil
        )
        let judged = reversal.judged(status)
        #expect(judged.outcome == (now.reason == nil ? now.outcome : .blocked))
        #expect(judged.failure?.message == now.reason)
    }

    @Test func anotherDatabaseOfTheSameNameIsRefused() {
        let trace = RunReversal.Trace(
            way: RunPlan.WayBack(version: nil, applied: Self.versions([20])),
            left: nil,
            server: "s",
            database: "d"
        )
        let reversal = RunReversal(run: Self.run, traces: ["a": trace])
        let status = InstanceStatus(name: "a", server: "s", database: "e", labels: [:], outcome: .upToDate, serverVersion: "17.2")
        #expect(
            reversal.judged(status).failure?.message == "it has moved on since run \(Self.run): it is database e on s now, and was d on s"
        )
        let stranger = InstanceStatus(name: "b", server: "s", database: "e", labels: [:], outcome: .upToDate)
        #expect(reversal.judged(stranger) == stranger)
    }
}
