import Synchronization

/// The terminal's alternate screen, which is redrawn repeatedly; the main screen is restored unchanged.
final class WatchScreen: Sendable {
    private enum State {
        case closed, open, left
    }

    private let write: @Sendable (String) -> Void
    private let state = Mutex(State.closed)

    init(write: @escaping @Sendable (String) -> Void) {
        self.write = write
    }

    /// Replaces the lines on the screen; does nothing after ``leave()``.
    ///
    /// - Parameter lines: at most as many as the screen has. The terminal cuts off wider lines.
    func draw(_ lines: [String]) {
        state.withLock { state in
            guard state != .left else { return }
            // The alternate screen, without wrapping at its edge.
            let opening = state == .closed ? "\u{1B}[?1049h\u{1B}[?7l" : ""
            state = .open
            write(opening + "\u{1B}[H" + lines.map { $0 + "\u{1B}[K" }.joined(separator: "\n") + "\u{1B}[J")
        }
    }

    /// Restores the main screen.
    func leave() {
        state.withLock { state in
            if state == .open { write("\u{1B}[?7h\u{1B}[?1049l") }
            state = .left
        }
    }
}
