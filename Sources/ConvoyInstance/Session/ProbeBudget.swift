import Synchronization

/// The time that one probe has, and what it does with it, so that what took too long can be named.
final class ProbeBudget: Sendable {
    private let stage = Mutex("the database")
    private let begun = AsyncStream.makeStream(of: Void.self)

    /// Names what begins now.
    func enter(_ stage: String) { self.stage.withLock { $0 = stage } }

    /// The time begins: the session is there. Connecting has a limit of its own.
    func begin() { begun.continuation.finish() }

    /// Runs a probe, and cancels it when its time is over.
    ///
    /// - Returns: what it gave, and what it was doing where it was cancelled for that.
    func run<Value: Sendable>(
        for limit: Duration,
        _ body: @escaping @Sendable () async -> Value
    ) async -> (value: Value?, overrun: String?) {
        await withTaskGroup(of: Value?.self) { group in
            group.addTask { await body() }
            group.addTask { [begun] in
                for await _ in begun.stream {}
                try? await Task.sleep(for: limit)
                return nil
            }
            var (value, overrun): (Value?, String?) = (nil, nil)
            // A body that was cancelled gives its value too.
            while value == nil, let next = await group.next() {
                value = next
                if next == nil, !Task.isCancelled { overrun = stage.withLock { $0 } }
                group.cancelAll()
            }
            return (value, overrun)
        }
    }
}
