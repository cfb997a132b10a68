internal import Synchronization

/// How much a worker does at a time. Work that is cancelled is claimed past that, because it only has to be ended; what it asks an instance waits for room,
/// so that no more connections are open than the worker may have.
package final class WorkRoom: Sendable {
    private struct State {
        var used = 0
        var waiting: [(number: Int, entry: CheckedContinuation<Bool, Never>)] = []
        var last = 0
    }

    private let total: Int
    private let state = Mutex(State())

    package init(_ total: Int) {
        self.total = total
    }

    /// Does work that was claimed because there was room for it.
    package func working(_ body: () async -> Void) async {
        state.withLock { $0.used += 1 }
        defer { leave() }
        await body()
    }

    /// Asks as soon as there is room; nil if the task is cancelled before that.
    package func asking<Value>(_ body: () async -> Value?) async -> Value? {
        guard await enter() else { return nil }
        defer { leave() }
        return await body()
    }

    private func enter() async -> Bool {
        let number = state.withLock { state in
            state.last += 1
            return state.last
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { entry in
                let mayEnter = state.withLock { state -> Bool? in
                    // If the handler has already run, the task's flag says so.
                    if Task.isCancelled { return false }
                    guard state.used >= total else {
                        state.used += 1
                        return true
                    }
                    state.waiting.append((number, entry))
                    return nil
                }
                if let mayEnter { entry.resume(returning: mayEnter) }
            }
        } onCancel: {
            let entry = state.withLock { state in
                state.waiting.firstIndex { $0.number == number }.map { state.waiting.remove(at: $0).entry }
            }
            entry?.resume(returning: false)
        }
    }

    private func leave() {
        let next = state.withLock { state -> CheckedContinuation<Bool, Never>? in
            guard state.used <= total, !state.waiting.isEmpty else {
                state.used -= 1
                return nil
            }
            return state.waiting.removeFirst().entry
        }
        next?.resume(returning: true)
    }
}
