internal import Glibc
internal import Synchronization

/// Starts a detached thread.
func detachThread(_ body: @escaping @Sendable () -> Void) {
    final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }
    let context = Unmanaged.passRetained(Body(body))
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    var thread = pthread_t()
    let status = pthread_create(
        &thread,
        &attributes,
        { context in
            if let context { Unmanaged<Body>.fromOpaque(context).takeRetainedValue().run() }
            return nil
        },
        context.toOpaque()
    )
    pthread_attr_destroy(&attributes)
    // Out of threads: better late on this one than never.
    if status != 0 { context.takeRetainedValue().run() }
}

/// A blocking call, such as `getaddrinfo` or `PQcancel`, on a thread of its own, so that a hanging call delays nothing else.
package final class BlockingCall<Value: Sendable>: Sendable {
    private struct State {
        var value: Value?
        /// The wait to end when the value is there.
        var waiter: UInt64?
    }

    private let state = Mutex(State())

    /// Starts it. It cannot be stopped; the thread ends when the call does.
    package init(_ work: @escaping @Sendable () -> Value) {
        detachThread { [self] in
            let value = work()
            let waiter = state.withLock { state in
                state.value = value
                return state.waiter
            }
            if let waiter { Reactor.shared.wake(waiter) }
        }
    }

    /// What it gave; nil while it runs.
    package var value: Value? { state.withLock(\.value) }

    /// Waits for its value; one at a time.
    ///
    /// - Returns: nil when the deadline passed, or the task was cancelled, before it was there.
    package func value(until deadline: ContinuousClock.Instant, cancellation: Cancellation) async -> Value? {
        _ = await Reactor.shared.wait(until: deadline, cancellation: cancellation) { token in
            let isThere = state.withLock { state in
                state.waiter = token
                return state.value != nil
            }
            if isThere { Reactor.shared.wake(token) }
        }
        return value
    }
}

/// Runs a blocking call on a thread of its own and waits for it.
///
/// - Returns: nil when the deadline passed, or the task was cancelled, before it was done.
package func runBlocking<Value: Sendable>(
    until deadline: ContinuousClock.Instant,
    cancellation: Cancellation,
    _ work: @escaping @Sendable () -> Value
) async -> Value? {
    if cancellation == .observed, Task.isCancelled { return nil }
    return await BlockingCall(work).value(until: deadline, cancellation: cancellation)
}
