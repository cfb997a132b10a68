internal import CLibPQ

/// Asks the server to stop what a session runs.
///
/// `@unchecked Sendable`: libpq says that a `PGcancel` is not changed after it was made, so that `PQcancel` may be called on any thread.
final class Canceller: @unchecked Sendable {
    private let handle: OpaquePointer

    init?(_ connection: OpaquePointer) {
        guard let handle = PQgetCancel(connection) else { return nil }
        self.handle = handle
    }

    deinit { PQfreeCancel(handle) }

    /// Sends one request and waits until the server has taken it. Before libpq 17 this blocks, so it has a thread of its own.
    ///
    /// - Returns: whether the attempt is over. While it is not, the request may still reach the server and stop a later statement.
    func cancel(until deadline: ContinuousClock.Instant) async -> Bool {
        await runBlocking(until: deadline, cancellation: .ignored) {
            var error = [CChar](repeating: 0, count: 256)
            // One that fails is not worth a word: it is repeated, and the session is given up after a while.
            return PQcancel(self.handle, &error, 256)
        } != nil
    }
}
