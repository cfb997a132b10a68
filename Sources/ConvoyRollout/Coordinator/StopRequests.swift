import ConvoyIO
internal import Synchronization

/// Counts the requests to stop a run, from this process and from others: the driver may be waiting for a journal that is away, and sees none of them meanwhile. With the
/// second one what is in progress is cancelled, and that wait ends soon.
final class StopRequests: Sendable {
    private let state = Mutex((count: 0, isClosing: false))
    private let hurry: @Sendable () -> Void

    /// There as soon as what is in progress is to be cancelled.
    let cancellation = OneShot<Void>()

    /// - Parameter hurry: ends soon what waits for the journal.
    init(hurry: @escaping @Sendable () -> Void) {
        self.hurry = hurry
    }

    /// A request comes in; call it before the driver can see the request.
    func note() {
        // Not after the lock: what ``close()`` lets wait longer is not to be ended by a request that came before.
        state.withLock { state in
            state.count += 1
            if state.count == 2 || state.isClosing { cancel() }
        }
    }

    /// What is in progress is cancelled.
    func cancel() {
        cancellation.fulfil(())
        hurry()
    }

    /// Nothing is left of the run but its last events. Those of a cancelled run may take longer, until one more request comes.
    func close() {
        guard cancellation.current != nil else { return }
        state.withLock { $0.isClosing = true }
    }
}
