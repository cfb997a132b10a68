internal import Synchronization

/// A value that comes once, and one task at a time that waits for it.
package final class OneShot<Value: Sendable>: Sendable {
    private struct State {
        var value: Value?
        var waiter: CheckedContinuation<Value?, Never>?
    }

    private let state = Mutex(State())

    package init() {}

    /// Sets the value; a second one is ignored.
    package func fulfil(_ value: Value) {
        let waiter = state.withLock { state in
            if state.value == nil { state.value = value }
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume(returning: value)
    }

    /// The value if it is there.
    package var current: Value? { state.withLock(\.value) }

    /// Waits for the value; nil when the task is cancelled before it is there.
    func value() async -> Value? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let (isOver, value) = state.withLock { state in
                    // If the handler has already run, the task's flag says so.
                    if state.value != nil || Task.isCancelled { return (true, state.value) }
                    state.waiter = continuation
                    return (false, nil)
                }
                if isOver { continuation.resume(returning: value) }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                defer { state.waiter = nil }
                return state.waiter
            }
            waiter?.resume(returning: nil)
        }
    }

    /// Waits for the value, at most until the sleep has ended; nil when that, or the task's cancellation, comes first.
    package func value(orAfter sleep: @escaping @Sendable () async throws -> Void) async -> Value? {
        await withTaskGroup(of: Value?.self) { group in
            group.addTask { await self.value() }
            group.addTask {
                try? await sleep()
                return nil
            }
            defer { group.cancelAll() }
            return await group.next() ?? nil
        }
    }
}
