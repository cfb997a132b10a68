import ConvoyJournal
import ConvoyRollout
import ConvoyRun
import FoundationEssentials
import Testing

@testable import ConvoyKit

/// What a worker has to report is not lost while a decision is under way or in doubt.
@Suite struct PendingReportsTests {
    private func key(_ number: Int64) -> Assignment.Key { Assignment.Key(run: RunID("r"), number: number) }

    private func reports(_ names: String...) -> PendingReports {
        var reports = PendingReports()
        for (index, name) in names.enumerated() {
            reports.add(.instanceFinished(name, InstanceResult(outcome: .migrated), at: moment), of: key(Int64(index + 1)), attempt: 1)
        }
        return reports
    }

    private let moment = Date(timeIntervalSince1970: 0)

    @Test func whatIsRecordedIsForgotten() {
        var reports = reports("a", "b", "c")
        #expect(reports.recorded(through: 2) == [key(1), key(2)])
        #expect(reports.all.map(\.key) == [key(3)])
        #expect(reports.recorded(through: 2).isEmpty)
        #expect(reports.recorded(through: 3) == [key(3)])
        #expect(reports.isEmpty)
    }

    /// A decision had two reports, one of which was refused under the lock; its COMMIT is confirmed only after another report has come in.
    @Test func aReportThatCameLaterIsKept() {
        var reports = reports("refused", "recorded")
        reports.remove([key(1)])
        let last = reports.last
        reports.add(.instanceFinished("later", InstanceResult(outcome: .migrated), at: moment), of: key(3), attempt: 1)
        #expect(reports.recorded(through: last) == [key(2)])
        #expect(reports.all.map(\.key) == [key(3)])
    }

    /// The first decision of a run has no reports: all are kept.
    @Test func aBeginningRecordsNone() {
        var reports = reports("a")
        #expect(reports.recorded(through: 0).isEmpty)
        #expect(reports.all.count == 1)
    }

    /// What a task says without ending leaves the assignment.
    @Test func progressEndsNothing() {
        var reports = PendingReports()
        reports.add(.slots(server: "s", available: 3), of: key(1), attempt: 1)
        reports.add(.window(closedUntil: nil), of: key(2), attempt: 1)
        #expect(reports.recorded(through: 2).isEmpty)
        #expect(reports.isEmpty)
    }
}

/// Until when a worker may work on what it has.
@Suite struct LeaseEndsTests {
    @Test func eachAssignmentHasItsOwnEnd() {
        let (ends, now) = (LeaseEnds(), ContinuousClock.now)
        let keys = (1...3).map { Assignment.Key(run: RunID("r"), number: $0) }
        ends.set(now + .seconds(1), for: keys[0])
        ends.set(now + .seconds(5), for: keys[1])
        ends.set(now + .seconds(1), for: keys[2])
        ends.remove(keys[2])
        #expect(ends.over(at: now).isEmpty && !ends.isOver(keys[0]))
        #expect(Set(ends.over(at: now + .seconds(1)).keys) == [keys[0]])
        // What is renewed has more time, and the others have not.
        ends.set(now + .seconds(9), for: keys[0])
        #expect(ends.over(at: now + .seconds(5)) == [keys[1]: now + .seconds(5)])
        #expect(Set(ends.over(at: now + .seconds(9)).keys) == [keys[0], keys[1]])
        ends.set(now, for: keys[2])
        #expect(ends.isOver(keys[2]))
    }
}
