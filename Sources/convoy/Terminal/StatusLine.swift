import ConvoyDashboard
import ConvoyKit
import ConvoyRollout
import ConvoyText
import Dispatch
import Synchronization

/// One line on a terminal that is overwritten while the work continues; does nothing if standard error is not a terminal.
///
/// `show` returns at once: writing happens on a queue of its own, at most ten times a second.
final class StatusLine: Sendable {
    private struct State {
        var text: String?
        var isScheduled = false
        var isShown = false
    }

    private let isEnabled: Bool
    private let write: @Sendable (String) -> Void
    private let state = Mutex(State())
    private let queue = DispatchQueue(label: "convoy.status-line")

    init(isEnabled: Bool, write: @escaping @Sendable (String) -> Void) {
        self.isEnabled = isEnabled
        self.write = write
    }

    func show(_ text: String) {
        guard isEnabled else { return }
        let mustSchedule = state.withLock { state in
            state.text = text
            defer { state.isScheduled = true }
            return !state.isScheduled
        }
        if mustSchedule { queue.asyncAfter(deadline: .now() + .milliseconds(100)) { self.draw() } }
    }

    func show(_ progress: FleetClient.PlanProgress) {
        switch progress {
        case .readingCohorts(let count): show("reading the cohorts of \(counted(count, "instance"))")
        case .judging(let finished, let count): show("reading the catalogues: \(finished) of \(count)")
        case .probing(let progress): show("probed \(progress.finished) of \(progress.total) instances")
        }
    }

    private func draw() {
        let text = state.withLock { state in
            state.isScheduled = false
            defer { state.text = nil }
            if state.text != nil { state.isShown = true }
            return state.text
        }
        if let text { write("\r\(text)\u{1B}[K") }
    }

    /// Removes the line from the terminal, at once and before anything else is written.
    func clear() {
        queue.sync {
            let wasShown = state.withLock { state in
                defer { state = State(isScheduled: state.isScheduled) }
                return state.isShown
            }
            if wasShown { write("\r\u{1B}[K") }
        }
    }
}
