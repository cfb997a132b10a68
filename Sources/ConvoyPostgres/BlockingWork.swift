internal import Glibc
internal import Synchronization

/// Starts a thread that nobody joins.
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

/// Runs a blocking call, such as `getaddrinfo` or `PQcancel`, on a thread of its own, so that one that hangs holds up nobody else.
///
/// - Returns: nil when the deadline passed, or the task was cancelled, before it was done. The thread is then left to end by itself.
func runBlocking<Value: Sendable>(
    until deadline: ContinuousClock.Instant,
    cancellation: Cancellation,
    _ work: @escaping @Sendable () -> Value
) async -> Value? {
    let answer = Answer<Value>()
    _ = await Reactor.shared.wait(until: deadline, cancellation: cancellation) { token in
        detachThread {
            let value = work()
            answer.value.withLock { $0 = value }
            Reactor.shared.wake(token)
        }
    }
    return answer.value.withLock { $0 }
}

/// Where a thread leaves what it found.
private final class Answer<Value: Sendable>: Sendable {
    let value = Mutex<Value?>(nil)
}
