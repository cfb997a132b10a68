import ConvoyIO
import ConvoyText
import Dispatch
import Glibc
import Synchronization

/// The terminal with a screen of its own, on which every key counts when it is pressed. Its modes and its main screen come back with ``leave()``.
final class RawTerminal: Sendable {
    private struct State {
        /// The modes from before.
        var modes: termios?
        var isOpen = false
    }

    private let state = Mutex(State())
    /// Writing waits for the terminal: not on a thread of the cooperative pool.
    private let queue = DispatchQueue(label: "convoy.terminal")

    /// The alternate screen, without a cursor, without wrapping at the edge, and with a mark around what is pasted.
    private static let opening = "\u{1B}[?1049h\u{1B}[?25l\u{1B}[?7l\u{1B}[?2004h"
    private static let closing = "\u{1B}[0m\u{1B}[?2004l\u{1B}[?7h\u{1B}[?25h\u{1B}[?1049l"

    /// Takes the terminal, also again after the process was stopped.
    ///
    /// - Throws: a ``CommandFailure`` if it is not a terminal any more.
    func enter() throws {
        try state.withLock { state in
            var modes = termios()
            guard tcgetattr(STDIN_FILENO, &modes) == 0 else {
                throw CommandFailure(.failed, "the terminal cannot be used: \(String(cString: strerror(errno)))")
            }
            if state.modes == nil { state.modes = modes }
            modes.c_iflag &= ~tcflag_t(BRKINT | ICRNL | IGNCR | INLCR | INPCK | ISTRIP | IXON)
            modes.c_lflag &= ~tcflag_t(ECHO | ICANON | IEXTEN | ISIG)
            withUnsafeMutableBytes(of: &modes.c_cc) { characters in
                characters[Int(VMIN)] = 1
                characters[Int(VTIME)] = 0
            }
            guard tcsetattr(STDIN_FILENO, TCSANOW, &modes) == 0 else {
                throw CommandFailure(.failed, "the terminal cannot be used: \(String(cString: strerror(errno)))")
            }
            state.isOpen = true
        }
        queue.async { StandardStreams.output.write(Self.opening) }
    }

    /// Restores the modes and the main screen; does nothing if that was done. A terminal that takes no output any more is not waited for.
    func leave() {
        let wasOpen = state.withLock { state in
            guard state.isOpen else { return false }
            state.isOpen = false
            if var modes = state.modes { _ = tcsetattr(STDIN_FILENO, TCSANOW, &modes) }
            state.modes = nil
            return true
        }
        guard wasOpen else { return }
        let written = DispatchSemaphore(value: 0)
        queue.async {
            StandardStreams.output.write(Self.closing)
            written.signal()
        }
        _ = written.wait(timeout: .now() + 1)
    }

    /// Stops the process as Ctrl-Z does on an ordinary screen, and takes the terminal again when it continues.
    func suspend() async throws {
        leave()
        kill(0, SIGTSTP)
        // The signal may come to another thread, a moment later; and a process without a shell above it is not stopped at all.
        await pause(for: .milliseconds(100), cancellation: .ignored)
        try enter()
    }

    /// Writes, and returns when the terminal has taken it.
    func write(_ text: String) async {
        await withCheckedContinuation { continuation in
            queue.async {
                StandardStreams.output.write(text)
                continuation.resume()
            }
        }
    }

    /// Calls a body with the keys as they are pressed, until the terminal is closed or the task is cancelled.
    func readKeys(_ body: ([Key]) -> Void) async {
        var decoder = KeyDecoder()
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let deadline = decoder.patience.map { ContinuousClock.now + $0 }
            switch await Reactor.shared.wait(on: STDIN_FILENO, for: .readable, until: deadline, cancellation: .observed) {
            case .cancelled: return
            case .timedOut: body(decoder.timeOut())
            case .ready:
                // Something is there, so this does not wait. A closed terminal gives its end, or an error.
                let count = read(STDIN_FILENO, &buffer, buffer.count)
                if count < 0, errno == EINTR || errno == EAGAIN { continue }
                guard count > 0 else { return }
                body(decoder.keys(buffer.prefix(count)))
            }
        }
    }
}
