import ConvoyText
internal import FoundationEssentials
internal import Glibc
internal import Subprocess
internal import Synchronization
internal import SystemPackage

/// A program to run to its end: in a session of its own, with nothing to read, both output streams in one unless standard output is captured, and
/// nothing of it left behind.
package struct Program: Sendable {
    /// The program, by path or to be found in `PATH`, and its arguments.
    var arguments: [String]
    /// All of its environment: nothing of our own is passed on.
    var environment: [String: String] = [:]
    var timeout: Duration
    /// How long it has to end by itself after SIGTERM.
    var grace = Duration.seconds(5)
    var mask = SecretMask([])
    /// Is given each line of output as soon as it is whole.
    var onLine: (@Sendable (String) -> Void)?
    /// How many bytes of standard output are kept as they are, apart from what is shown; a program that writes more is ended. Nil shows both
    /// streams as one.
    var captureLimit: Int?

    package init(
        arguments: [String],
        environment: [String: String] = [:],
        timeout: Duration,
        grace: Duration = Duration.seconds(5),
        mask: SecretMask = SecretMask([]),
        onLine: (@Sendable (String) -> Void)? = nil
    ) {
        self.arguments = arguments
        self.environment = environment
        self.timeout = timeout
        self.grace = grace
        self.mask = mask
        self.onLine = onLine
    }

    /// How it ended.
    package enum Ending: Sendable, Hashable {
        case exited(Int32)
        case killed(signal: Int32)
        /// It never ran, for this reason.
        case notStarted(String)
        case timedOut(after: Duration)
        /// It wrote more than this number of bytes that were to be captured.
        case wroteTooMuch(limit: Int)
        /// The task was cancelled; `ran` says whether the program had been started.
        case cancelled(ran: Bool)
    }

    package struct Outcome: Sendable {
        package var ending: Ending
        package var duration: Duration
        /// What it wrote, fit to be shown.
        package var output: String
        /// What it wrote to standard output, where that is captured: as it is, and never to be shown.
        var captured: [UInt8] = []
        /// Processes of it that could not be ended.
        var survivors: [Int32] = []

        package init(ending: Ending, duration: Duration, output: String, survivors: [Int32] = []) {
            self.ending = ending
            self.duration = duration
            self.output = output
            self.survivors = survivors
        }

        /// Why it did not end with exit code 0 in time; nil if it did.
        package var problem: String? {
            let what: String? =
                switch ending {
                case .exited(0): nil
                case .exited(let code): "exit code \(code)"
                case .killed(let signal): "killed by signal \(signal)"
                case .notStarted(let reason): reason
                case .timedOut(let limit): "not done within \(limit.human), and stopped"
                case .wroteTooMuch(let limit): "it wrote more than \(limit >> 10) KiB"
                case .cancelled: "interrupted"
                }
            guard !survivors.isEmpty else { return what }
            let processes = survivors.map(String.init).joined(separator: ", ")
            return (what.map { $0 + "; " } ?? "") + "it left processes that could not be ended: \(processes)"
        }
    }

    /// Runs it, and returns when it and everything that it started in its session have ended.
    ///
    /// When the time is over, or the task is cancelled, the whole session is ended. What cannot be ended does not hold this up.
    @concurrent
    package func run() async -> Outcome {
        let start = ContinuousClock.now
        func outcome(_ ending: Ending, _ execution: ProgramExecution? = nil, survivors: [Int32] = []) -> Outcome {
            var outcome = Outcome(ending: ending, duration: .now - start, output: execution?.output ?? "", survivors: survivors)
            outcome.captured = execution?.captured ?? []
            return outcome
        }
        guard !Task.isCancelled else { return outcome(.cancelled(ran: false)) }
        if let problem { return outcome(.notStarted(problem)) }

        guard let place = LiveSessions.enter() else {
            await LiveSessions.holdIfClosed()
            return outcome(.cancelled(ran: false))
        }
        defer { LiveSessions.leave(place) }
        let execution = ProgramExecution(OutputRecorder(mask, onLine: onLine), place: place)
        // Not a child of this task, which would have to wait for it: a program that runs as another user cannot be ended by Convoy, and one
        // that hangs in the kernel cannot be ended at all.
        Task { await execution.run(self) }
        let ended = await execution.ending.value { [timeout] in try await Task.sleep(for: timeout) }
        await LiveSessions.holdIfClosed()
        let reason: Ending? = ended == nil ? (Task.isCancelled ? .cancelled(ran: true) : .timedOut(after: timeout)) : nil
        let survivors = await execution.session(abandoning: ended == nil)?.end(grace: grace) ?? []
        if let ended { return outcome(ended, execution, survivors: survivors) }
        // Its last output is still on its way.
        for _ in 0..<Self.farewells where execution.ending.current == nil {
            await pause(for: .milliseconds(10), cancellation: .ignored)
        }
        // It may have ended by itself at the last moment, which does not make it less late.
        if case .notStarted(let reason) = execution.ending.current { return outcome(.notStarted(reason), execution) }
        return outcome(reason ?? .timedOut(after: timeout), execution, survivors: survivors)
    }

    private static let farewells = 100

    /// Why it cannot be started at all.
    private var problem: String? {
        guard let program = arguments.first, !program.isEmpty else { return "it names no program" }
        let texts = arguments + environment.values
        return texts.contains { $0.utf8.contains(0) } ? "an argument or a variable holds a zero byte" : nil
    }
}

extension Program.Ending {
    /// How a child process ended.
    init(_ status: TerminationStatus) {
        switch status {
        case .exited(let code): self = .exited(code)
        case .signaled(let signal): self = .killed(signal: signal)
        }
    }
}

/// A ``Program`` under way, as the tasks around it see it.
private final class ProgramExecution: Sendable {
    private struct State {
        var recorder: OutputRecorder
        var captured: [UInt8] = []
        var session: ProcessSession?
        /// No caller waits for it any more, so it must not start.
        var isAbandoned = false
    }

    private let state: Mutex<State>
    let ending = OneShot<Program.Ending>()
    /// Among the live sessions.
    private let place: Int

    init(_ recorder: OutputRecorder, place: Int) {
        self.place = place
        state = Mutex(State(recorder: recorder))
    }

    /// What it wrote so far.
    var output: String { state.withLock(\.recorder.text) }

    /// What it wrote so far to a standard output that is captured.
    var captured: [UInt8] { state.withLock(\.captured) }

    /// Its session; nil if it has not started.
    func session(abandoning: Bool) -> ProcessSession? {
        state.withLock { state in
            if abandoning { state.isAbandoned = true }
            return state.session
        }
    }

    func run(_ program: Program) async {
        var options = PlatformOptions()
        // A session rather than a group: it has no terminal either, so a program that would ask there for a password fails instead of waiting.
        options.createSession = true
        let name = program.arguments[0]
        let executable: Executable = name.contains("/") ? .path(FilePath(name)) : .name(name)
        let arguments = Arguments(Array(program.arguments.dropFirst()))
        let variables = program.environment.map { (Environment.Key(stringLiteral: $0.key), $0.value) }
        let environment = Environment.custom(Dictionary(variables) { first, _ in first })
        do {
            let status: TerminationStatus
            if let limit = program.captureLimit {
                status = try await Subprocess.run(
                    executable,
                    arguments: arguments,
                    environment: environment,
                    platformOptions: options,
                    input: .none,
                    output: .sequence,
                    error: .sequence
                ) { execution in
                    let process = execution.processIdentifier.value
                    try begin(process)
                    let (output, errors) = (execution.standardOutput, execution.standardError)
                    await withTaskGroup(of: Void.self) { group in
                        group.addTask { try? await self.capture(output, limit) }
                        group.addTask { try? await self.read(errors, of: process) }
                    }
                }.terminationStatus
            } else {
                status = try await Subprocess.run(
                    executable,
                    arguments: arguments,
                    environment: environment,
                    platformOptions: options,
                    input: .none,
                    output: .sequence,
                    error: .combinedWithOutput
                ) { execution in
                    try begin(execution.processIdentifier.value)
                    try? await read(execution.standardOutput, of: execution.processIdentifier.value)
                }.terminationStatus
            }
            state.withLock { $0.recorder.finish() }
            ending.fulfil(Program.Ending(status))
        } catch {
            state.withLock { $0.recorder.finish() }
            ending.fulfil(.notStarted(Self.reason(error, program: name)))
        }
    }

    /// Keeps what a program writes, up to a limit; at the limit its end is decided, and the task that waits for it ends the program.
    private func capture(_ output: SubprocessOutputSequence, _ limit: Int) async throws {
        for try await buffer in output {
            let bytes = buffer.withUnsafeBytes { Array($0) }
            let isTooMuch = state.withLock { state in
                state.captured += bytes.prefix(max(0, limit + 1 - state.captured.count))
                return state.captured.count > limit
            }
            if isTooMuch { return ending.fulfil(.wroteTooMuch(limit: limit)) }
        }
    }

    private func begin(_ process: pid_t) throws {
        try state.withLock { state in
            // Subprocess ends it when this throws.
            if state.isAbandoned { throw CancellationError() }
            state.session = ProcessSession(id: process)
        }
        LiveSessions.began(process, at: place)
    }

    /// Reads until no process holds the other end, or the program has ended.
    private func read(_ output: SubprocessOutputSequence, of process: pid_t) async throws {
        var late = 0
        for try await buffer in output {
            let bytes = buffer.withUnsafeBytes { Array($0) }
            state.withLock { $0.recorder.add(bytes) }
            // A process that it started may continue to write after it has ended; what the program itself wrote is at most what a pipe
            // holds.
            if late > 0 || Self.hasEnded(process) { late += buffer.count }
            if late > Self.pipeSize { return }
        }
    }

    private static let pipeSize = 64 * 1024

    /// Whether our child has ended, without collecting it.
    private static func hasEnded(_ process: pid_t) -> Bool {
        var information = siginfo_t()
        return waitid(P_PID, id_t(process), &information, WEXITED | WNOWAIT | WNOHANG) == 0 && information.si_signo == SIGCHLD
    }

    /// Why a program could not be started. Subprocess tries all that it finds, and does not say what was wrong with them.
    private static func reason(_ error: any Error, program: String) -> String {
        guard let error = error as? SubprocessError, error.code == .executableNotFound else { return "it could not be started: \(error)" }
        guard program.contains("/") else { return "there is no such program in PATH" }
        var isFolder = false
        guard FileManager.default.fileExists(atPath: program, isDirectory: &isFolder) else { return "there is no such program" }
        if isFolder { return "it is a folder" }
        return FileManager.default.isExecutableFile(atPath: program)
            ? "it cannot be run: is the interpreter there that its first line names?" : "it is not executable"
    }
}
