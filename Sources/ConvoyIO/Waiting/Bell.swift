internal import Synchronization

/// Wakes one task that waits for something new. A ring while the task does something else is not lost: its next wait ends at once.
package final class Bell: Sendable {
    private let next = Mutex(OneShot<Bool>())

    package init() {}

    /// Ends the wait; never waits.
    package func ring() { next.withLock(\.self).fulfil(true) }

    /// Waits for a ring, for a while at most. Only one task may wait.
    ///
    /// - Returns: false where the time was over, or the task was cancelled.
    package func wait(atMost duration: Duration) async -> Bool {
        let rung = await next.withLock(\.self).value { try await Task.sleep(for: duration) } ?? false
        // What rings from here on is news for the next wait.
        if rung { next.withLock { $0 = OneShot() } }
        return rung
    }
}
