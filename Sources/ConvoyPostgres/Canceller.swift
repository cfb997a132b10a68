internal import CLibPQ
internal import Synchronization

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

    /// Sends one request and waits until the server has taken it, at most a second. Before libpq 17 this blocks, so it has a thread of its own.
    func cancel() async {
        _ = await runBlocking(until: .now + .seconds(1), cancellation: .ignored) {
            var error = [CChar](repeating: 0, count: 256)
            return PQcancel(self.handle, &error, 256)
        }
    }
}
