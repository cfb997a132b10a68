import ConvoyIO
import ConvoyRollout
import Glibc
import Synchronization
import UnixSignals

/// Handles Ctrl-C and SIGTERM: they end a command that only reads; they stop a run, and the second one cancels it.
///
/// SIGHUP, which arrives when the terminal is closed or the SSH session drops, stops a run like one Ctrl-C and never cancels it: migrations in
/// progress finish, with their hooks, and the output meanwhile is lost.
final class Interruption: Sendable {
    /// An element for each stop request of the operator; the coordinator of the run reads it.
    let stopRequests: AsyncStream<Void>
    private let requestStop: AsyncStream<Void>.Continuation
    /// The same requests, for work that continues after the run, such as the delivery of notifications.
    let giveUp: AsyncStream<Void>
    private let requestGivingUp: AsyncStream<Void>.Continuation
    private let isChanging = Mutex(false)
    /// The text that removes the live view of a run from the terminal.
    private let erasure = Mutex("")
    private let requests = Mutex(0)
    private let clearTerminal: @Sendable () -> Void

    private init(clearTerminal: @escaping @Sendable () -> Void) {
        (stopRequests, requestStop) = AsyncStream.makeStream()
        (giveUp, requestGivingUp) = AsyncStream.makeStream()
        self.clearTerminal = clearTerminal
    }

    /// Runs the body with the signal handlers installed; call it before the first connection.
    ///
    /// - Parameter clearTerminal: removes redrawn output from the terminal before the command ends.
    static func handled<Value: Sendable>(
        clearTerminal: @escaping @Sendable () -> Void,
        _ body: (Interruption) async throws -> Value
    ) async throws -> Value {
        let interruption = Interruption(clearTerminal: clearTerminal)
        // Under nohup the run ignores the end of the terminal.
        let signals = await UnixSignalsSequence(trapping: [.sigint, .sigterm] + (isHangUpIgnored ? [] : [.sighup]))
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { for await signal in signals { interruption.receive(signal) } }
            defer { group.cancelAll() }
            return try await body(interruption)
        }
    }

    /// Databases may change from now on: an interruption stops the run instead of ending the process.
    ///
    /// - Parameter erasure: written before the last message of a process that ends at once.
    func changesBegin(erasure: String) {
        self.erasure.withLock { $0 = erasure }
        isChanging.withLock { $0 = true }
    }

    private static var isHangUpIgnored: Bool {
        var action = sigaction()
        guard sigaction(SIGHUP, nil, &action) == 0 else { return false }
        return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == 1
    }

    private func receive(_ signal: UnixSignal) {
        if isChanging.withLock(\.self) {
            // The kernel and the shell may both send SIGHUP when the terminal closes: count them as one request, and ignore them if the run is
            // stopping already.
            guard signal != .sighup || requests.withLock({ $0 == 0 }) else { return }
            requestStop.yield()
            let count = requests.withLock { count in
                count += 1
                return count
            }
            requestGivingUp.yield()
            guard count > 2 else { return }
            // Ending at once harms no database: the servers roll back what is open.
            let erasure = erasure.withLock(\.self)
            StandardStreams.error.write(
                "\(erasure)stopped without waiting for the servers; `convoy resume` continues a run that was cut off, "
                    + "and `convoy status` shows each instance\n"
            )
            LiveSessions.endAll()
            exit(CommandExit.interrupted.rawValue)
        } else {
            // Nothing was changed so far, so there is nothing to undo and nothing to wait for.
            clearTerminal()
            StandardStreams.error.write("interrupted; nothing was changed\n")
            LiveSessions.endAll()
            exit(CommandExit.interrupted.rawValue)
        }
    }
}
