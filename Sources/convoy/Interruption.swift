import ConvoyRollout
import Glibc
import Synchronization
import UnixSignals

/// What Ctrl-C and SIGTERM do: end a command that only looks; stop a run, and on the second time cancel it.
///
/// SIGHUP, which comes when the terminal is closed or the SSH session drops, stops a run as one Ctrl-C does and never cancels it: what runs
/// finishes, with its hooks, and what is written meanwhile goes nowhere.
final class Interruption: Sendable {
    /// An element each time that the operator asks; for ``Coordinator/run(_:id:stopRequests:)``.
    let stopRequests: AsyncStream<Void>
    private let requestStop: AsyncStream<Void>.Continuation
    /// The same, for what still waits when the run is over.
    let giveUp: AsyncStream<Void>
    private let requestGivingUp: AsyncStream<Void>.Continuation
    private let isChanging = Mutex(false)
    /// Takes the live view of a run off the terminal.
    private let erasure = Mutex("")
    private let requests = Mutex(0)
    private let clearTerminal: @Sendable () -> Void

    private init(clearTerminal: @escaping @Sendable () -> Void) {
        (stopRequests, requestStop) = AsyncStream.makeStream()
        (giveUp, requestGivingUp) = AsyncStream.makeStream()
        self.clearTerminal = clearTerminal
    }

    /// Runs the body with the handlers in place; call it before any database is talked to.
    ///
    /// - Parameter clearTerminal: takes what is drawn over and over off the terminal before the command ends.
    static func handled<Value: Sendable>(
        clearTerminal: @escaping @Sendable () -> Void,
        _ body: (Interruption) async throws -> Value
    ) async throws -> Value {
        let interruption = Interruption(clearTerminal: clearTerminal)
        // Under nohup the terminal's end is none of the run's business.
        let signals = await UnixSignalsSequence(trapping: [.sigint, .sigterm] + (isHangUpIgnored ? [] : [.sighup]))
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { for await signal in signals { interruption.receive(signal) } }
            defer { group.cancelAll() }
            return try await body(interruption)
        }
    }

    /// From now on databases may be changed: an interruption stops the run instead of ending the process.
    ///
    /// - Parameter erasure: to be written before the last words of a process that ends at once.
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
            // The kernel and the shell may both tell that the terminal is gone; that is one request, and none where the run stops already.
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
            StandardStreams.error.write("\(erasure)ended without waiting for the servers; run status to see where each instance stands\n")
            exit(CommandExit.interrupted.rawValue)
        } else {
            // Only looked so far, so there is nothing to undo and nobody to wait for.
            clearTerminal()
            StandardStreams.error.write("interrupted; nothing was changed\n")
            exit(CommandExit.interrupted.rawValue)
        }
    }
}
