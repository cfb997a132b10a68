import ConvoyRollout
package import ConvoyRun
package import ConvoyText
internal import Dispatch
package import FoundationEssentials
internal import Synchronization

/// Shows a run while it happens, and keeps its report.
///
/// `receive` only folds the event into the report; drawing and writing happen on a queue of their own, so that a stopped terminal, or a
/// pipe without a reader, never delays the run.
package final class ProgressReporter: EventSink {
    /// How much is shown, and how.
    package enum Mode: Sendable {
        /// A few lines drawn over and over, at most four times a second; what an operator should read stays above them.
        case live
        /// A line for each thing worth one.
        case plain
        /// Each event as a line of JSON, as the journal has it; what is not an event is a ``ProgressMessage``.
        case json
        /// Only what an operator should know at once: warnings, a gate that waits, why the run stops.
        case none
    }

    private struct State {
        var report: FleetReport
        var outlook: RunOutlook?
        /// Lines to be written once.
        var lines: [String] = []
        /// Lines left out because the reader is too slow.
        var omittedLines = 0
        var isFlushScheduled = false
        var isTicking = false
        var isFinished = false
        var screen = LiveScreen()
        /// The last estimate, and when it was made.
        var timeLeft: (value: TimeLeft?, at: Date)?
    }

    private let mode: Mode
    private let reader: ProgressLines.Reader
    private let style: @Sendable () -> OutputStyle
    private let now: @Sendable () -> Date
    private let write: @Sendable (String) -> Void
    private let state: Mutex<State>
    private let queue = DispatchQueue(label: "convoy.progress")

    private static let redrawInterval = DispatchTimeInterval.milliseconds(250)
    private static let tickInterval = DispatchTimeInterval.seconds(1)
    /// An estimate that changes with each drawing cannot be read.
    private static let estimateInterval: TimeInterval = 1
    /// What waits for a slow reader stays bounded.
    private static let lineLimit = 2000
    /// A program that misses an event cannot follow the run, so more of them may wait.
    private static let eventLimit = 200_000

    /// What to write, instead of ``finish()``, before the program's last words where it ends at once.
    package static let erasure = LiveScreen.erasure

    /// - Parameters:
    ///   - reader: who reads the lines of ``Mode/plain`` and ``Mode/none``.
    ///   - style: asked before each drawing, because a terminal's size changes.
    ///   - report: what an earlier process has done of the run.
    ///   - outlook: knows how fast the run goes; without it no rate and no time left are shown.
    ///   - write: writes to standard error; may block, is never called twice at once.
    package init(
        _ mode: Mode,
        for reader: ProgressLines.Reader = .text,
        style: @escaping @Sendable () -> OutputStyle,
        report: FleetReport = FleetReport(),
        outlook: RunOutlook? = nil,
        now: @escaping @Sendable () -> Date = { Date() },
        write: @escaping @Sendable (String) -> Void
    ) {
        state = Mutex(State(report: report, outlook: outlook))
        self.mode = mode
        self.reader = reader
        self.style = style
        self.now = now
        self.write = write
    }

    /// What the run has done so far.
    package var report: FleetReport { state.withLock(\.report) }

    /// Takes in events and returns at once.
    package func send(_ events: [Event]) async {
        for event in events { receive(event) }
    }

    /// Takes in an event and returns at once.
    package func receive(_ event: Event) {
        let (mustFlush, mustTick) = state.withLock { state in
            state.report.apply(event)
            state.outlook?.apply(event)
            if mode == .json {
                add(event.json.line, to: &state)
            } else if isShown(event.kind), let line = ProgressLines(style: style(), for: reader).line(for: event, in: state.report) {
                add(line, to: &state)
            }
            let mustTick = mode == .live && !state.isTicking
            if mustTick { state.isTicking = true }
            return (needsFlush(&state), mustTick)
        }
        if mustFlush { scheduleFlush() }
        if mustTick { tick() }
    }

    /// Shows a line that is not an event, for example one that a hook writes, and returns at once.
    package func note(_ line: String) {
        if mode != .none { show(line, .info) }
    }

    /// Shows a line that an operator should read however little is shown, and returns at once.
    package func warn(_ line: String) { show(line, .warning) }

    private func show(_ line: String, _ priority: LogPriority) {
        guard var line = mode == .json ? message(line) : line else { return }
        if mode != .json, reader == .journald { line = priority.prefix + line }
        let mustFlush = state.withLock { state in
            add(line, to: &state)
            return needsFlush(&state)
        }
        if mustFlush { scheduleFlush() }
    }

    /// The line of JSON for a line that is not an event; nil for a blank one.
    private func message(_ line: String) -> String? { ProgressMessage(line).map { String($0.line(at: now()).dropLast()) } }

    private func add(_ line: String, to state: inout State) {
        if state.lines.count < (mode == .json ? Self.eventLimit : Self.lineLimit) {
            state.lines.append(line)
        } else {
            state.omittedLines += 1
        }
    }

    private func needsFlush(_ state: inout State) -> Bool {
        guard !state.isFlushScheduled, mode == .live || !state.lines.isEmpty else { return false }
        state.isFlushScheduled = true
        return true
    }

    private func scheduleFlush() {
        switch mode {
        case .live: queue.asyncAfter(deadline: .now() + Self.redrawInterval) { self.flush() }
        case .plain, .json, .none: queue.async { self.flush() }
        }
    }

    /// Writes what is left and takes the live view off the terminal; nothing is drawn after it.
    package func finish() async {
        await withCheckedContinuation { continuation in
            queue.async {
                self.state.withLock { $0.isFinished = true }
                self.flush()
                continuation.resume()
            }
        }
    }

    /// Whether an event gets a line of its own.
    private func isShown(_ kind: Event.Kind) -> Bool {
        switch (mode, kind) {
        case (.plain, _): true
        case (_, .instanceWarned), (_, .stopRequested), (_, .cancelRequested), (_, .halted), (_, .gateWaiting), (_, .gateFailed),
            (_, .hookFinished), (_, .windowClosed):
            true
        case (.live, .gateOpened), (.live, .approved), (.live, .gatePassed), (.live, .rollbackStarted), (.live, .rollbackFinished),
            (.live, .serverPaused), (.live, .serverResumed), (.live, .budgetChanged), (.live, .windowOpened), (.live, .runResumed):
            true
        case (.live, _), (.json, _), (.none, _): false
        }
    }

    /// The clock on the terminal continues while nothing happens.
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
            var lines = state.lines
            if state.omittedLines > 0 {
                let left = counted(state.omittedLines, "line")
                lines.append(mode == .json ? message("warning: \(left) left out: the reader is too slow") ?? "" : "… \(left) left out")
            }
            state.lines = []
            state.omittedLines = 0
            return state.screen.text(lines, view: view(&state, style), style)
        }
        if !text.isEmpty { write(text) }
    }

    private func view(_ state: inout State, _ style: OutputStyle) -> [String] {
        guard mode == .live, !state.isFinished else { return [] }
        let now = now()
        if state.timeLeft.map({ abs(now.timeIntervalSince($0.at)) >= Self.estimateInterval }) ?? true {
            state.timeLeft = (state.outlook?.timeLeft(state.report, at: now), now)
        }
        return LiveView(style: style)
            .lines(state.report, rate: state.outlook?.rate(at: now), timeLeft: state.timeLeft?.value, at: now)
    }
}
