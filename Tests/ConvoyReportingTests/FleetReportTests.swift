import ConvoyMigrations
import ConvoyRollout
import ConvoyRun
import Testing

@testable import ConvoyReporting

struct FleetReportTests {
    @Test func countsWhatEndedAndWhatWasNotReached() {
        let report = report(troubledRun)
        #expect(report.summary.outcomes == [.migrated: 1, .failed: 1, .lockBusy: 1, .pending: 1])
        #expect(report.summary.versions == [newest: 1, older: 1])
        #expect(report.summary.withUnknownVersion == 2)
        #expect(report.waves.map(\.allOutcomes) == [[.migrated: 1], [.failed: 1, .lockBusy: 1, .pending: 1]])
        #expect(report.running.isEmpty)
        #expect(report.status == .halted)
    }

    @Test func followsAnInstanceThroughItsStates() {
        var report = report(troubledRun.prefix(12))
        #expect(report.running == ["bob", "carol"])
        #expect(report.instance("bob")?.pending == [newest])
        report.apply(troubledRun[12])
        #expect(report.instance("carol")?.state == .running(waitingFor: "pid 4711 (psql) holds the lock"))
        #expect(report.instance("dave")?.state == .notReached)
    }

    @Test func anEventOfAStrangerChangesNothing() {
        var report = report(troubledRun)
        report.apply(Event(at: moment(), .instanceFinished(instance: "mallory", result: InstanceResult(outcome: .failed))))
        #expect(report.summary.instances == 4)
        #expect(report.finishedInstances == 3)
    }

    @Test func groupsTheSameFailure() {
        var events = Array(troubledRun.prefix(9))
        for name in ["dave", "bob", "carol"] {
            let failure = name == "carol" ? busy : overflow
            events.append(
                Event(at: moment(), .instanceFinished(instance: name, result: InstanceResult(outcome: failure.kind, failure: failure)))
            )
        }
        let groups = report(events).failureGroups
        #expect(groups.map(\.instances) == [["bob", "dave"], ["carol"]])
        #expect(groups.map(\.failure) == [overflow, busy])
        #expect(groups.last?.lockHolders.keys.sorted() == ["carol"])
    }

    @Test func aRunThatIsResumedStartsAgainWhatWasUnderWay() {
        var report = report(troubledRun.prefix(14))
        #expect(report.running == ["carol"])
        report.apply(Event(at: moment(10), .runResumed(by: "ann@db-tools")))
        #expect(report.running.isEmpty)
        #expect(report.waves.map(\.running) == [0, 0])
        // One that had ended without a certain end is started again too.
        for name in ["bob", "carol"] { report.apply(Event(at: moment(11), .instanceStarted(instance: name, wave: "rest"))) }
        #expect(report.waves.map(\.running) == [0, 2])
        #expect(report.waves.map(\.outcomes) == [[.migrated: 1], [:]])
        for name in ["bob", "carol"] {
            report.apply(Event(at: moment(12), .instanceFinished(instance: name, result: InstanceResult(outcome: .migrated, to: newest))))
        }
        #expect(report.running.isEmpty)
        #expect(report.waves.map(\.allOutcomes) == [[.migrated: 1], [.migrated: 2, .pending: 1]])
        #expect(report.status == nil)
    }

    @Test func aResumedRunIsNotHaltedAnyMore() {
        var report = report(troubledRun)
        report.apply(Event(at: moment(10), .runResumed(by: "ann@db-tools")))
        #expect(report.status == nil)
        #expect(report.haltReason == nil)
        #expect(report.finishedAt == nil)
    }

    @Test func anInstanceThatIsReturnedCountsOnce() {
        var report = report(troubledRun)
        report.apply(Event(at: moment(4), .rollbackStarted(instance: "alice", wave: "canary")))
        #expect(report.waves.first?.outcomes == [:])
        #expect(report.waves.first?.running == 1)
        report.apply(
            Event(at: moment(5), .rollbackFinished(instance: "alice", result: InstanceResult(outcome: .rolledBack, from: older, to: older)))
        )
        #expect(report.waves.first?.allOutcomes == [.rolledBack: 1])
        #expect(report.waves.first?.running == 0)
    }
}
