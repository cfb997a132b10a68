internal import Glibc

/// Runs a blocking body on a thread of its own, so that nothing here waits on the cooperative pool.
enum BlockingThread {
    /// The thread detaches itself; it ends when the body does.
    static func start(_ body: @escaping @Sendable () -> Void) throws(TestSupportError) {
        let context = Unmanaged.passRetained(Body(body))
        var thread = pthread_t()
        let status = pthread_create(
            &thread,
            nil,
            { raw in
                if let raw { Unmanaged<Body>.fromOpaque(raw).takeRetainedValue().run() }
                return nil
            },
            context.toOpaque()
        )
        guard status == 0 else {
            context.release()
            throw TestSupportError("cannot start a thread: \(String(cString: strerror(status)))")
        }
        pthread_detach(thread)
    }

    private final class Body: Sendable {
        let run: @Sendable () -> Void

        init(_ run: @escaping @Sendable () -> Void) {
            self.run = run
        }
    }
}
