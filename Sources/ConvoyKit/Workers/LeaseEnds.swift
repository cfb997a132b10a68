import ConvoyJournal
internal import Synchronization

/// Until when a worker may work on each of its assignments, should it not be able to renew their leases.
final class LeaseEnds: Sendable {
    private let ends = Mutex<[Assignment.Key: ContinuousClock.Instant]>([:])
    /// How often it is looked at: also a process that was stopped for a while learns soon that its time was over.
    private static let interval = Duration.milliseconds(100)

    func set(_ instant: ContinuousClock.Instant, for key: Assignment.Key) { ends.withLock { $0[key] = instant } }

    func remove(_ key: Assignment.Key) { ends.withLock { $0[key] = nil } }

    /// The assignments whose time is over and whose work was not stopped yet, with the ends.
    func over(at now: ContinuousClock.Instant = .now) -> [Assignment.Key: ContinuousClock.Instant] {
        ends.withLock { $0.filter { $0.value <= now } }
    }

    /// Whether the time of an assignment is over and its work was not stopped yet.
    func isOver(_ key: Assignment.Key) -> Bool { ends.withLock { $0[key].map { $0 <= .now } ?? false } }

    /// Calls the body while there are assignments whose time is over; it removes them.
    func watch(_ body: @Sendable () async -> Void) async {
        repeat {
            if !over().isEmpty { await body() }
        } while (try? await Task.sleep(for: Self.interval)) != nil
    }
}
