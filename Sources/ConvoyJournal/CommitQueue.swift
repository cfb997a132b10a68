internal import GRDB
internal import Synchronization

/// Group commit: what comes in while the disk is busy is written together, so that one wait on the disk covers many calls.
///
/// A call that is waiting does not end early when its task is cancelled: an event of a cancelled run has to be written like any other.
final class CommitQueue: Sendable {
    private typealias Continuation = CheckedContinuation<Result<Void, any Error>, Never>

    private struct Call {
        var write: @Sendable (Database) throws -> Void
        var continuation: Continuation
    }

    private struct State {
        var waiting: [Call] = []
        var isCommitting = false
        var commits = 0
    }

    private let pool: DatabasePool
    private let state = Mutex(State())

    init(_ pool: DatabasePool) {
        self.pool = pool
    }

    /// How many transactions it took so far.
    var commits: Int { state.withLock(\.commits) }

    /// Whether a transaction is under way, or about to be.
    var isCommitting: Bool { state.withLock(\.isCommitting) }

    /// How many calls have not got into a transaction yet.
    var waitingCalls: Int { state.withLock(\.waiting.count) }

    /// Writes in a transaction, together with others, and returns when that is on disk.
    ///
    /// Calls are written in the order in which they came. Where one of a transaction fails, all of it fail with that error, and nothing of them is
    /// written.
    func commit(_ write: @escaping @Sendable (Database) throws -> Void) async throws {
        let result = await withCheckedContinuation { (continuation: Continuation) in
            let mustStart = state.withLock { state in
                state.waiting.append(Call(write: write, continuation: continuation))
                defer { state.isCommitting = true }
                return !state.isCommitting
            }
            if mustStart { commitNext() }
        }
        try result.get()
    }

    private func commitNext() {
        pool.asyncWriteWithoutTransaction { db in
            let calls = self.state.withLock { state in
                defer { state.waiting = [] }
                return state.waiting
            }
            let result: Result<Void, any Error> = Result {
                try db.inTransaction(.immediate) {
                    for call in calls { try call.write(db) }
                    return .commit
                }
            }
            let mustGoOn = self.state.withLock { state in
                if case .success = result { state.commits += 1 }
                state.isCommitting = !state.waiting.isEmpty
                return state.isCommitting
            }
            if mustGoOn { self.commitNext() }
            for call in calls { call.continuation.resume(returning: result) }
        }
    }
}
