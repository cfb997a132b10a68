internal import Synchronization

/// Group commit: what comes in while a transaction is under way is written together, so that one wait on the disk covers many calls.
///
/// A call that is waiting does not end early when its task is cancelled: an event of a cancelled run has to be written like any other.
final class CommitQueue<Write: Sendable>: Sendable {
    /// Writes what the queue has by then, in one transaction. Where it throws, nothing of it is written.
    typealias Commit = @Sendable (_ take: @escaping @Sendable () -> [Write]) async throws -> Void
    private typealias Continuation = CheckedContinuation<Result<Void, any Error>, Never>

    /// Whose writes are in a transaction.
    private final class Taken: Sendable {
        let continuations = Mutex<[Continuation]>([])
    }

    private struct State {
        var waiting: [(write: Write, continuation: Continuation)] = []
        var isCommitting = false
        var commits = 0
    }

    private let commitAll: Commit
    private let state = Mutex(State())

    init(_ commit: @escaping Commit) {
        commitAll = commit
    }

    /// How many transactions it took so far.
    var commits: Int { state.withLock(\.commits) }

    /// Whether a transaction is under way, or about to be.
    var isCommitting: Bool { state.withLock(\.isCommitting) }

    /// How many calls have not got into a transaction yet.
    var waitingCalls: Int { state.withLock { $0.waiting.count } }

    /// Writes in a transaction, together with others, and returns when that is on disk.
    ///
    /// Calls are written in the order in which they came. Where one of a transaction fails, all of it fail with that error, and nothing of them is
    /// written.
    func commit(_ write: Write) async throws {
        let result = await withCheckedContinuation { (continuation: Continuation) in
            let mustStart = state.withLock { state in
                state.waiting.append((write, continuation))
                defer { state.isCommitting = true }
                return !state.isCommitting
            }
            // Not a child of the caller's task: the transaction is that of others too, and not cancelled with one of them.
            if mustStart { Task { await commitWhatWaits() } }
        }
        try result.get()
    }

    private func commitWhatWaits() async {
        var mustGoOn = true
        while mustGoOn {
            let taken = Taken()
            let take: @Sendable () -> [Write] = {
                let calls = self.state.withLock { state in
                    defer { state.waiting = [] }
                    return state.waiting
                }
                taken.continuations.withLock { $0 += calls.map(\.continuation) }
                return calls.map(\.write)
            }
            let result: Result<Void, any Error>
            do {
                result = .success(try await commitAll(take))
            } catch {
                result = .failure(error)
            }
            // Where it failed before it took anything, what waits has failed with it.
            if taken.continuations.withLock(\.isEmpty) { _ = take() }
            mustGoOn = state.withLock { state in
                if case .success = result { state.commits += 1 }
                state.isCommitting = !state.waiting.isEmpty
                return state.isCommitting
            }
            for continuation in taken.continuations.withLock(\.self) { continuation.resume(returning: result) }
        }
    }
}
