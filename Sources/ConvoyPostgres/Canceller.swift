internal import CLibPQ
import ConvoyIO

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

    /// Sends one request. Before libpq 17 this blocks until the server has taken it, so it has a thread of its own.
    ///
    /// - Returns: the attempt. While it is not over, the request may still reach the server and stop a later statement.
    func cancel() -> BlockingCall<Int32> {
        BlockingCall {
            var error = [CChar](repeating: 0, count: 256)
            // A failed cancel request is not reported: it is repeated, and the session is given up after a while.
            return PQcancel(self.handle, &error, 256)
        }
    }
}
