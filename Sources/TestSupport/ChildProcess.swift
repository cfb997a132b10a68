import ConvoyText
internal import Glibc
internal import Synchronization

/// A program that a test started: its output is collected while it runs, and it can be sent signals.
///
/// It gets a process group of its own, no descriptor but the standard three, and the default action for every signal. It is not killed
/// when the last reference goes: give it a time limit, or end its standard input.
public final class ChildProcess: Sendable {
    /// How a process ended.
    public enum Status: Sendable, Hashable {
        case exited(Int32)
        case killed(signal: Int32)
    }

    /// What is known of a process at a moment.
    public struct Snapshot: Sendable {
        var output: [UInt8] = []
        var error: [UInt8] = []
        /// Nil while it runs.
        public var status: Status?
        /// Whether it was killed because its time limit was over.
        public var isOverdue = false

        /// What it wrote to its standard output so far.
        public var standardOutput: String { String(decoding: output, as: UTF8.self) }
        /// What it wrote to its standard error so far.
        public var standardError: String { String(decoding: error, as: UTF8.self) }
    }

    private struct State {
        var snapshot = Snapshot()
        var isReaped = false
        var openStreams = 2
        var waiters: [Waiter] = []
        var input: Int32

        var isOver: Bool { isReaped && openStreams == 0 }
    }

    private struct Waiter {
        var condition: @Sendable (Snapshot) -> Bool
        var continuation: CheckedContinuation<Snapshot, Never>
    }

    public let processID: Int32
    private let name: String
    private let state: Mutex<State>

    /// Starts a program.
    ///
    /// - Parameters:
    ///   - program: its path.
    ///   - environment: all of it; nothing is inherited.
    ///   - folder: its working directory; nil means ours.
    ///   - timeLimit: when it is over, the whole process group is killed; nil never does that.
    public init(
        _ program: String,
        _ arguments: [String],
        environment: [String: String],
        in folder: String? = nil,
        timeLimit: Duration? = nil
    ) throws(TestSupportError) {
        var launch = [program] + arguments
        // posix_spawn has no portable way to change the directory; env(1) does.
        if let folder { launch = ["/usr/bin/env", "-C", folder] + launch }
        name = program
        let (input, output, error) = try Descriptors.exclusively { () throws(TestSupportError) in (try Pipe(), try Pipe(), try Pipe()) }
        processID = try Descriptors.exclusively { () throws(TestSupportError) in
            try Self.spawn(launch, environment, input: input.reading, output: output.writing, error: error.writing)
        }
        for end in [input.reading, output.writing, error.writing] { close(end) }
        state = Mutex(State(input: input.writing))
        let deadline = timeLimit.map { ContinuousClock().now + $0 }
        try BlockingThread.start { [self] in
            readStreams(output: output.reading, error: error.reading, deadline: deadline)
        }
        try BlockingThread.start { [self] in reap() }
    }

    deinit {
        closeInput()
    }

    /// What is known now.
    public var snapshot: Snapshot { state.withLock(\.snapshot) }

    /// Writes to the standard input; a pipe holds 64 KiB before this blocks, which is enough for a test's answers.
    public func write(_ text: String) throws {
        Self.ignoreBrokenPipes
        let descriptor = state.withLock(\.input)
        let bytes = Array(text.utf8)
        guard descriptor >= 0, Glibc.write(descriptor, bytes, bytes.count) == bytes.count else {
            throw TestSupportError("\(name) does not read its standard input any more")
        }
    }

    /// Ends the standard input.
    public func closeInput() {
        state.withLock { state in
            if state.input >= 0 { close(state.input) }
            state.input = -1
        }
    }

    /// Sends a signal to the process, unless it is gone already.
    public func send(signal: Int32) {
        state.withLock { state in
            // Until it is reaped the number cannot belong to another process.
            if !state.isReaped { kill(processID, signal) }
        }
    }

    /// Waits until the condition holds, or until the process has ended and can never fulfil it. Give the process a time limit.
    @discardableResult
    public func wait(until condition: @escaping @Sendable (Snapshot) -> Bool) async -> Snapshot {
        await withCheckedContinuation { continuation in
            let ready: Snapshot? = state.withLock { state in
                if condition(state.snapshot) || state.isOver { return state.snapshot }
                state.waiters.append(Waiter(condition: condition, continuation: continuation))
                return nil
            }
            if let ready { continuation.resume(returning: ready) }
        }
    }

    /// Waits for the end.
    @discardableResult
    public func wait() async -> Snapshot {
        await wait { _ in false }
    }

    /// Writing to a process that is gone is an error of that write, not the end of all tests.
    private static let ignoreBrokenPipes: Void = { signal(SIGPIPE, SIG_IGN) }()

    private func update(_ change: (inout State) -> Void) {
        let resumed: [(Waiter, Snapshot)] = state.withLock { state in
            change(&state)
            let isOver = state.isOver
            let snapshot = state.snapshot
            let ready = state.waiters.filter { isOver || $0.condition(snapshot) }
            state.waiters.removeAll { isOver || $0.condition(snapshot) }
            return ready.map { ($0, snapshot) }
        }
        for (waiter, snapshot) in resumed { waiter.continuation.resume(returning: snapshot) }
    }

    private func readStreams(output: Int32, error: Int32, deadline: ContinuousClock.Instant?) {
        var deadline = deadline
        var open = [output, error]
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while !open.isEmpty {
            var waits = open.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            let ready = poll(&waits, nfds_t(waits.count), deadline.map(Self.millisecondsUntil) ?? -1)
            if ready == 0, let over = deadline, ContinuousClock().now >= over {
                deadline = nil
                update { $0.snapshot.isOverdue = true }
                kill(-processID, SIGKILL)
            }
            for wait in waits where wait.revents != 0 {
                let count = read(wait.fd, &buffer, buffer.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else {
                    close(wait.fd)
                    open.removeAll { $0 == wait.fd }
                    update { $0.openStreams -= 1 }
                    continue
                }
                update { state in
                    if wait.fd == output {
                        state.snapshot.output += buffer[..<count]
                    } else {
                        state.snapshot.error += buffer[..<count]
                    }
                }
            }
        }
    }

    private func reap() {
        var information = siginfo_t()
        // Without reaping, so that the number stays ours until `isReaped` is set.
        while waitid(P_PID, id_t(processID), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
        update { state in
            var status: Int32 = 0
            while waitpid(processID, &status, 0) < 0, errno == EINTR {}
            state.isReaped = true
            let signal = status & 0x7f
            state.snapshot.status = signal == 0 ? .exited((status >> 8) & 0xff) : .killed(signal: signal)
        }
    }

    private static func millisecondsUntil(_ instant: ContinuousClock.Instant) -> Int32 {
        let (seconds, attoseconds) = (instant - ContinuousClock().now).components
        return Int32(clamping: max(0, seconds * 1000 + attoseconds / 1_000_000_000_000_000 + 1))
    }

    private static func spawn(
        _ launch: [String],
        _ environment: [String: String],
        input: Int32,
        output: Int32,
        error: Int32
    ) throws(TestSupportError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, input, 0)
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        posix_spawn_file_actions_adddup2(&actions, error, 2)

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var all = sigset_t()
        sigfillset(&all)
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP))

        var arguments: [UnsafeMutablePointer<CChar>?] = launch.map { strdup($0) } + [nil]
        var variables: [UnsafeMutablePointer<CChar>?] = environment.map { strdup("\($0)=\($1)") } + [nil]
        defer { for text in arguments + variables { free(text) } }
        var child = pid_t()
        let status = posix_spawn(&child, launch[0], &actions, &attributes, &arguments, &variables)
        guard status == 0 else {
            throw TestSupportError("cannot run \(launch[0]): \(String(cString: strerror(status)))")
        }
        return child
    }
}
