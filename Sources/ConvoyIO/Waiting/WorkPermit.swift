internal import Synchronization

/// Whether a task may still do what it was given: a worker has an assignment only as long as its lease holds, and a process that carries out a run alone
/// has the run only as long as it has the run's lock.
///
///     let permit = WorkPermit()
///     await permit.covering { await work() }
///     // … elsewhere, when another process has the work:
///     permit.withdraw()
///
/// Cancelling a task asks for an orderly end: hooks that undo what others did still run. A withdrawn permit asks for more: nothing begins any more, and
/// programs in progress are ended, because the work belongs to another process. It does not cancel the task; its owner does that too.
package final class WorkPermit: Sendable {
    private struct State {
        var isWithdrawn = false
        var isReportWanted = true
        /// When programs that still run are killed.
        var lastMoment: ContinuousClock.Instant?
        var handlers: [Int: @Sendable () -> Void] = [:]
        var lastHandler = 0
    }

    private let state = Mutex(State())
    private let isOver: @Sendable () -> Bool

    @TaskLocal private static var ofTask: WorkPermit?

    /// The permit of the task and of the tasks that it starts; nil where nothing takes the work away.
    package static var current: WorkPermit? { ofTask }

    /// Whether the permit of the task is withdrawn.
    package static var isWithdrawn: Bool { ofTask?.isWithdrawn ?? false }

    /// Whether what the task reports about its work counts. Where it does not, nothing is asked for the report alone.
    package static var isReportWanted: Bool { ofTask.map { $0.isReportWanted && !$0.isWithdrawn } ?? true }

    /// - Parameter isOver: whether its time has run out, also where that was not noticed yet, because the process was suspended.
    package init(isOver: @escaping @Sendable () -> Bool = { false }) {
        self.isOver = isOver
    }

    /// Does the body's work under this permit.
    package func covering<Value: Sendable>(_ body: () async -> Value) async -> Value {
        await Self.$ofTask.withValue(self) { await body() }
    }

    /// Once true, it stays so after ``withdraw(leaving:)``.
    package var isWithdrawn: Bool { state.withLock(\.isWithdrawn) || isOver() }

    private var isReportWanted: Bool { state.withLock(\.isReportWanted) }

    /// The work is given up in an orderly way, and what is reported of it counts for nothing.
    package func dismissReport() { state.withLock { $0.isReportWanted = false } }

    /// Lets nothing begin any more, and ends the programs that run.
    ///
    /// - Parameter grace: how long they have to end by themselves, if that is less than their own time.
    package func withdraw(leaving grace: Duration = .zero) {
        let handlers = state.withLock { state in
            let moment = ContinuousClock.now + grace
            state.isWithdrawn = true
            state.lastMoment = state.lastMoment.map { min($0, moment) } ?? moment
            defer { state.handlers = [:] }
            return Array(state.handlers.values)
        }
        for handler in handlers { handler() }
    }

    /// When programs that still run are killed; nil while it holds.
    package var lastMoment: ContinuousClock.Instant? { state.withLock(\.lastMoment) }

    /// Does what is not cancelled with the task, but only when the task's permit is withdrawn.
    package static func uncancelled<Value: Sendable>(_ body: @escaping @Sendable () async -> Value) async -> Value {
        // A task of its own is not cancelled with ours; it has the same permit.
        let task = Task { await body() }
        guard let permit = ofTask else { return await task.value }
        let handler = permit.onWithdrawal { task.cancel() }
        defer { permit.forget(handler) }
        return await task.value
    }

    private func onWithdrawal(_ body: @escaping @Sendable () -> Void) -> Int {
        let (number, isLate) = state.withLock { state in
            state.lastHandler += 1
            if !state.isWithdrawn { state.handlers[state.lastHandler] = body }
            return (state.lastHandler, state.isWithdrawn)
        }
        if isLate { body() }
        return number
    }

    private func forget(_ handler: Int) { state.withLock { $0.handlers[handler] = nil } }
}
