import ConvoyIO
import ConvoyJournal
import ConvoyRollout
import ConvoyRun
internal import FoundationEssentials
internal import Synchronization

/// An assignment on which a worker works.
struct WorkerTask {
    /// What must not be worked on twice at a time, whatever the number of the assignment.
    struct Subject: Hashable {
        var run: RunID
        var work: Work
    }

    let lease: Lease
    let work: Work
    let task: Task<Void, Never>
    /// What the task may do with the lease.
    let permit: WorkPermit
    private let approval: AsyncStream<String>.Continuation
    /// Whether the task is over; its last report may still wait for a decision.
    var hasEnded = false
    /// Whether it goes back to the other workers when it has stopped.
    var isGivenUp = false

    init(lease: Lease, work: Work, task: Task<Void, Never>, permit: WorkPermit, approval: AsyncStream<String>.Continuation) {
        (self.lease, self.work, self.task, self.permit, self.approval) = (lease, work, task, permit, approval)
    }

    func cancel() { task.cancel() }

    /// Lets the gate pass; more than one approval changes nothing.
    func approve(_ person: String) { approval.yield(person) }
}

/// The control server's clock, as far as this machine knows it: clocks of workers may differ.
final class ServerClock: Sendable {
    private let offset = Mutex<TimeInterval>(0)

    var now: Date { Date() + offset.withLock(\.self) }

    /// - Parameter date: what the server's clock said between two moments.
    func set(_ date: Date, between begin: ContinuousClock.Instant, _ end: ContinuousClock.Instant) {
        // What a server may say is limited, so that no date overflows.
        let half = (end - begin) / 2
        let difference = date.timeIntervalSince(Date()) + Double(half.components.seconds) + Double(half.components.attoseconds) / 1e18
        offset.withLock { $0 = min(max(difference, -1e9), 1e9) }
    }
}
