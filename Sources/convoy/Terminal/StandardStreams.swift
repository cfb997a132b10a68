import ConvoyIO
import ConvoyReporting
import ConvoyRollout
import FoundationEssentials
import Glibc
import Synchronization

/// The process's standard streams.
enum StandardStreams {
    /// Results.
    static let output = OutputFile(descriptor: STDOUT_FILENO)
    /// Progress, warnings, questions, errors.
    static let error = OutputFile(descriptor: STDERR_FILENO)

    /// Whether the operator can type an answer.
    static var isInputTerminal: Bool { isatty(STDIN_FILENO) == 1 }

    /// Call before anything is opened or written.
    static func prepare() {
        // A write to a pipe whose reader is gone then fails with EPIPE.
        signal(SIGPIPE, SIG_IGN)
        // A stream that was closed must not become the number of a database's socket, which would then be written to.
        for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) == -1 {
            _ = open("/dev/null", descriptor == STDIN_FILENO ? O_RDONLY : O_WRONLY)
        }
    }
}

/// A descriptor that text is written to, whole or not at all.
final class OutputFile: Sendable {
    private let descriptor: Int32
    /// The `errno` of the first write that failed; nothing is written after it.
    private let failure = Mutex<Int32?>(nil)
    /// Whether ``write(_:)`` makes a text a line of JSON.
    private let writesMessages = Mutex(false)

    init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    var isTerminal: Bool { isatty(descriptor) == 1 }

    /// Whether what is written goes to journald.
    ///
    /// - Parameter stream: what systemd puts into `JOURNAL_STREAM`: device and inode of its stream. A program further down, whose output
    ///   goes elsewhere, has the variable too.
    func isJournald(_ stream: String?) -> Bool {
        stream != nil && FileStatus(of: descriptor)?.identity.description == stream
    }

    /// Columns and lines of the terminal; nil if it is not a terminal or does not report them.
    var terminalSize: (width: Int, height: Int)? {
        var size = winsize()
        guard isTerminal, ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else { return nil }
        return (Int(size.ws_col), Int(size.ws_row))
    }

    /// From now on each text that is written is a ``ProgressMessage``, one line of JSON.
    func beginJSONLines() { writesMessages.withLock { $0 = true } }

    /// Writes, and waits while the reader is slow. A failure is kept for ``check()``.
    func write(_ text: String) {
        guard writesMessages.withLock(\.self) else { return writeAsIs(text) }
        if let message = ProgressMessage(text) { writeAsIs(message.line(at: Date())) }
    }

    /// Writes text that is in its final form, also after ``beginJSONLines()``.
    func writeAsIs(_ text: String) {
        failure.withLock { failure in
            guard failure == nil else { return }
            var text = text
            failure = text.withUTF8 { Self.write($0, to: descriptor) }
        }
    }

    /// Whether a write has failed: nothing is written any more.
    var isClosed: Bool { failure.withLock(\.self) != nil }

    /// - Throws: a ``CommandFailure`` if a result could not be written. A reader that closed the pipe is not a failure.
    func check() throws {
        guard let code = failure.withLock(\.self), code != EPIPE else { return }
        throw CommandFailure(.failed, "the result cannot be written: \(String(cString: strerror(code)))")
    }

    private static func write(_ bytes: UnsafeBufferPointer<UInt8>, to descriptor: Int32) -> Int32? {
        var rest = bytes[...]
        while let start = UnsafeBufferPointer(rebasing: rest).baseAddress, !rest.isEmpty {
            let count = Glibc.write(descriptor, start, rest.count)
            if count >= 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                // Another process that shares the terminal made it non-blocking.
                var wait = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = poll(&wait, 1, -1)
            } else if errno != EINTR {
                return errno
            }
        }
        return nil
    }
}
