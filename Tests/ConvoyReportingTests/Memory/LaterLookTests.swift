import ConvoyMigrations
import ConvoyRollout
import ConvoyRun
import Testing

@testable import ConvoyReporting

/// What counts where a run has ended on an instance and somebody has looked at it too.
struct LaterLookTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var ended: InstanceResult
        var found: (outcome: Outcome, version: MigrationVersion?, pending: [MigrationVersion])
        var outcome: Outcome
        var version: MigrationVersion?
    }

    private static let failed = InstanceResult(outcome: .failed, from: older, to: older, failure: overflow)
    private static let migrated = InstanceResult(outcome: .migrated, from: older, to: newest)

    @Test(arguments: [
        Case(testDescription: "confirmed", ended: migrated, found: (.upToDate, newest, []), outcome: .migrated, version: newest),
        Case(
            testDescription: "restored from a backup",
            ended: migrated,
            found: (.pending, older, [newest]),
            outcome: .pending,
            version: older
        ),
        Case(
            testDescription: "a newer migration",
            ended: migrated,
            found: (.pending, newest, [newest]),
            outcome: .pending,
            version: newest
        ),
        Case(testDescription: "gone since", ended: migrated, found: (.unreachable, nil, []), outcome: .unreachable, version: newest),
        Case(testDescription: "still failed", ended: failed, found: (.pending, older, [newest]), outcome: .failed, version: older),
        Case(testDescription: "mended by hand", ended: failed, found: (.upToDate, newest, []), outcome: .upToDate, version: newest),
        Case(
            testDescription: "back again",
            ended: InstanceResult(outcome: .unreachable, failure: busy),
            found: (.pending, older, [newest]),
            outcome: .pending,
            version: older
        ),
        Case(
            testDescription: "still locked out",
            ended: InstanceResult(outcome: .lockBusy, failure: busy),
            found: (.pending, older, [newest]),
            outcome: .lockBusy,
            version: older
        ),
    ])
    func theLaterLookCountsWhereItContradicts(_ test: Case) {
        #expect(look(after: test.ended, found: test.found, at: 2).outcome == test.outcome)
        #expect(look(after: test.ended, found: test.found, at: 2).version == test.version)
        #expect(look(after: test.ended, found: test.found, at: 2).due == (test.found.outcome == .unreachable ? nil : test.found.pending))
        // One from before the run tells nothing of its end.
        let before = look(after: test.ended, found: test.found, at: -2)
        #expect(before.outcome == test.ended.outcome)
        // What the run did not learn is still known from before it.
        #expect(before.version == test.ended.to ?? test.found.version)
    }

    private func look(
        after result: InstanceResult,
        found: (outcome: Outcome, version: MigrationVersion?, pending: [MigrationVersion]),
        at seconds: Double
    ) -> InstanceReport {
        var report = report([
            Event(at: moment(), .runStarted(run: "r", fleet: "f", waves: [PlannedWave(name: "all", instances: ["alice"])])),
            Event(at: moment(), .instanceStarted(instance: "alice", wave: "all")),
            Event(at: moment(1), .instanceFinished(instance: "alice", result: result)),
        ])
        let status = InstanceStatus(
            name: "alice",
            server: "s",
            database: "d",
            labels: [:],
            outcome: found.outcome,
            version: found.version,
            pending: found.pending,
            serverVersion: found.outcome == .unreachable ? nil : "17.2"
        )
        report.apply(status, at: moment(seconds))
        return report.instances[0]
    }

    @Test func aRunThatPlansAnewCountsFromThere() {
        let versions = (1...5).map { MigrationVersion(Int64($0)) }
        func applied(_ version: MigrationVersion, _ direction: MigrationDirection) -> Event {
            Event(
                at: moment(),
                .migrationApplied(instance: "a", migration: AppliedMigration(version: version, direction: direction, duration: .zero))
            )
        }
        var report = report([
            Event(at: moment(), .runStarted(run: "r", fleet: "f", waves: [PlannedWave(name: "all", instances: ["a"])])),
            Event(at: moment(), .instanceStarted(instance: "a", wave: "all")),
            Event(at: moment(), .instancePlanned(instance: "a", from: nil, pending: versions)),
            applied(versions[0], .up), applied(versions[1], .up),
            Event(at: moment(), .runResumed(by: "ann")),
            Event(at: moment(), .instanceStarted(instance: "a", wave: "all")),
            Event(at: moment(), .instancePlanned(instance: "a", from: versions[1], pending: Array(versions[2...]))),
        ])
        #expect(report.instances[0].current == versions[2])
        #expect(report.instances[0].due == Array(versions[2...]))
        report.apply(applied(versions[2], .up))
        #expect(report.instances[0].appliedOfPlan == 1)
        #expect(report.instances[0].due == Array(versions[3...]))

        report.apply(Event(at: moment(), .rollbackStarted(instance: "a", wave: "all")))
        report.apply(Event(at: moment(), .instancePlanned(instance: "a", from: versions[2], pending: versions[...2].reversed())))
        #expect(report.instances[0].appliedOfPlan == 0)
        #expect(report.instances[0].current == versions[2])
        #expect(report.instances[0].due == nil)
    }
}
