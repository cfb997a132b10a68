public import ConvoyRollout
internal import Dispatch
public import FoundationEssentials
internal import Synchronization

/// Shows a run while it happens, and keeps its report.
///
/// `receive` only folds the event into the report; drawing and writing happen on a queue of their own, so that a terminal that was
/// stopped, or a pipe that nobody reads, never holds the run up.
public final class ProgressReporter: EventSink {
    /// How much is shown, and how.
    public enum Mode: Sendable {
        /// A few lines drawn over and over, at most ten times a second; warnings stay above them.
        case live
        /// A line for each thing worth one.
        case lines
        /// Warnings only.
        case quiet
    }

    private struct State {
        var report = FleetReport()
        /// Lines to be written once.
        var lines: [String] = []
        /// Lines left out because the reader is too slow.
        var omittedLines = 0
        var isFlushScheduled = false
        var isTicking = false
        /// How many lines of the view are on the terminal.
        var drawnLines = 0
        var isFinished = false
    }

    private let mode: Mode
    private let style: @Sendable () -> OutputStyle
    private let now: @Sendable () -> Date
    private let write: @Sendable (String) -> Void
    private let state = Mutex(State())
    private let queue = DispatchQueue(label: "convoy.progress")

    private static let redrawInterval = DispatchTimeInterval.milliseconds(100)
    private static let tickInterval = DispatchTimeInterval.seconds(1)
    /// What waits for a slow reader stays bounded.
    private static let lineLimit = 2000

    /// - Parameters:
    ///   - report: what an earlier process has done of the run.
    ///   - style: asked before each drawing, because a terminal's size changes.
    ///   - write: writes to standard error; may block, is never called twice at once.
    public init(
        _ mode: Mode,
        style: @escaping @Sendable () -> OutputStyle,
        report: FleetReport = FleetReport(),
        now: @escaping @Sendable () -> Date = { Date() },
        write: @escaping @Sendable (String) -> Void
    ) {
        state.withLock { $0.report = report }
        self.mode = mode
        self.style = style
        self.now = now
        self.write = write
    }

    /// What the run has done so far.
    public var report: FleetReport { state.withLock(\.report) }

    /// Takes in events and returns at once.
    public func send(_ events: [Event]) async {
        for event in events { receive(event) }
    }

    /// Takes in an event and returns at once.
    public func receive(_ event: Event) {
        let (mustFlush, mustTick) = state.withLock { state in
            state.report.apply(event)
            if let line = line(for: event, state.report) {
                if state.lines.count < Self.lineLimit { state.lines.append(line) } else { state.omittedLines += 1 }
            }
            let mustTick = mode == .live && !state.isTicking
            if mustTick { state.isTicking = true }
            return (needsFlush(&state), mustTick)
        }
        if mustFlush { scheduleFlush() }
        if mustTick { tick() }
    }

    /// Shows a line that is no event, for example one that a hook writes, and returns at once.
    public func note(_ line: String) {
        guard mode != .quiet else { return }
        let mustFlush = state.withLock { state in
            if state.lines.count < Self.lineLimit { state.lines.append(line) } else { state.omittedLines += 1 }
            return needsFlush(&state)
        }
        if mustFlush { scheduleFlush() }
    }

    private func needsFlush(_ state: inout State) -> Bool {
        guard !state.isFlushScheduled, mode == .live || !state.lines.isEmpty else { return false }
        state.isFlushScheduled = true
        return true
    }

    private func scheduleFlush() {
        switch mode {
        case .live: queue.asyncAfter(deadline: .now() + Self.redrawInterval) { self.flush() }
        case .lines, .quiet: queue.async { self.flush() }
        }
    }

    /// Writes what is left and takes the live view off the terminal; nothing is drawn after it.
    public func finish() async {
        await withCheckedContinuation { continuation in
            queue.async {
                self.state.withLock { $0.isFinished = true }
                self.flush()
                continuation.resume()
            }
        }
    }

    private func line(for event: Event, _ report: FleetReport) -> String? {
        switch (mode, event.kind) {
        case (.lines, _), (_, .instanceWarned), (.live, .stopRequested), (.live, .cancelRequested), (.live, .halted), (.live, .gateOpened),
            (.live, .gateWaiting), (.live, .approved), (.live, .gatePassed), (.live, .gateFailed), (.live, .rollbackStarted),
            (.live, .rollbackFinished), (.live, .hookFinished), (.live, .serverPaused), (.live, .serverResumed), (.live, .budgetChanged),
            (.live, .windowClosed), (.live, .windowOpened), (.live, .runResumed):
            ProgressLines(style: style()).line(for: event, in: report)
        case (.live, _), (.quiet, _): nil
        }
    }

    /// The clock on the terminal goes on while nothing happens.
    private func tick() {
        queue.asyncAfter(deadline: .now() + Self.tickInterval) { [weak self] in
            guard let self, !self.state.withLock(\.isFinished) else { return }
            self.flush()
            self.tick()
        }
    }

    private func flush() {
        let style = style()
        let text = state.withLock { state in
            state.isFlushScheduled = false
            var text = state.drawnLines > 0 ? "\r\u{1B}[\(state.drawnLines)A\u{1B}[J" : ""
            for line in state.lines { text += line + "\n" }
            if state.omittedLines > 0 { text += "… \(counted(state.omittedLines, "line")) left out\n" }
            state.lines = []
            state.omittedLines = 0
            let view = mode == .live && !state.isFinished ? LiveView(style: style).lines(state.report, at: now()) : []
            for line in view { text += line + "\n" }
            state.drawnLines = view.count
            return text
        }
        if !text.isEmpty { write(text) }
    }
}
