import ConvoyMigrations
import ConvoyRollout
import Testing

@testable import ConvoyReporting

struct FleetReportTests {
    @Test func countsWhatEndedAndWhatWasNotReached() {
        let report = report(troubledRun)
        #expect(report.summary.outcomes == [.migrated: 1, .failed: 1, .lockBusy: 1, .pending: 1])
        #expect(report.summary.versions == [newest: 1, older: 1])
        #expect(report.summary.withoutVersion == 2)
        #expect(report.waves.map(\.allOutcomes) == [[.migrated: 1], [.failed: 1, .lockBusy: 1, .pending: 1]])
        #expect(report.running.isEmpty)
        #expect(report.status == .halted)
    }

    @Test func followsAnInstanceThroughItsStates() {
        var report = report(troubledRun.prefix(12))
        #expect(report.running == ["bob", "carol"])
        #expect(report.instance("bob")?.pending == 1)
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
}
