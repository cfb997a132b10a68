import Synchronization

/// The terminal's second screen, on which something is drawn over and over; the first one comes back as it was.
final class WatchScreen: Sendable {
    private enum State {
        case closed, open, left
    }

    private let write: @Sendable (String) -> Void
    private let state = Mutex(State.closed)

    init(write: @escaping @Sendable (String) -> Void) {
        self.write = write
    }

    /// Draws lines in the place of those that are there; after ``leave()`` nothing.
    ///
    /// - Parameter lines: not more than the screen has. What is too wide is cut off by the terminal.
    func draw(_ lines: [String]) {
        state.withLock { state in
            guard state != .left else { return }
            // The second screen, without wrapping at its edge.
            let opening = state == .closed ? "\u{1B}[?1049h\u{1B}[?7l" : ""
            state = .open
            write(opening + "\u{1B}[H" + lines.map { $0 + "\u{1B}[K" }.joined(separator: "\n") + "\u{1B}[J")
        }
    }

    /// Gives the terminal back.
    func leave() {
        state.withLock { state in
            if state == .open { write("\u{1B}[?7h\u{1B}[?1049l") }
            state = .left
        }
    }
}
