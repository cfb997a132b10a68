import ConvoyDashboard
import ConvoyJournal
import ConvoyMigrations
import ConvoyReporting
import ConvoyRollout
import ConvoyRun
import ConvoyText
import FoundationEssentials
import Glibc

/// `convoy resume` in a process and a session of its own, so that it continues when the process that started it ends.
struct ResumedRun {
    let run: RunID
    /// The journal's file; the output of the process goes to a file beside it.
    let journal: String
    let fleetFile: String
    let environment: [String: String]

    /// Shorter than the 30 s that the dashboard's page waits.
    private static let patience = Duration.seconds(25)
    /// `POSIX_SPAWN_SETSID`, which glibc's headers only show to GNU programs.
    private static let newSession: Int32 = 0x80

    /// Also hidden by the headers: the function that closes every file from a number on.
    private typealias AddCloseFrom = @convention(c) (UnsafeMutablePointer<posix_spawn_file_actions_t>, Int32) -> Int32

    private var log: String { "\(journal).\(run).log" }

    /// Starts the process, and returns when the journal shows that it has resumed the run.
    ///
    /// - Throws: an error if the process cannot be started, ends before that, or takes too long.
    func start() async throws(ResumeError) {
        let journal: SQLiteJournal?
        var last: Int64
        do throws(JournalError) {
            journal = try await SQLiteJournal.open(readingAt: self.journal)
            last = try await journal?.lastEvent(of: run) ?? 0
        } catch {
            throw ResumeError(error.description)
        }
        let process = try spawn()
        let deadline = ContinuousClock.now + Self.patience
        repeat {
            var status: Int32 = 0
            // Checked before the journal is read, which then has everything that an ended process wrote.
            let ended = waitpid(process, &status, WNOHANG)
            let events = (try? await journal?.events(of: run, after: last, limit: 1000)) ?? []
            let isTakenUp = events.contains { if case .runResumed? = $0.event?.kind { true } else { false } }
            last = events.last?.number ?? last
            if ended != 0 {
                guard isTakenUp || ended == process && status == 0 else {
                    throw ResumeError("could not resume the run: \(lastWords); see \(log) for the full output")
                }
                return
            }
            if isTakenUp {
                collect(process)
                return
            }
        } while (try? await Task.sleep(for: .milliseconds(50))) != nil && ContinuousClock.now < deadline
        collect(process)
        throw ResumeError("the run has not been resumed yet, but may still be; see \(log) for the full output")
    }

    /// Reaps the process when it ends; the caller does not wait for it.
    private func collect(_ process: pid_t) {
        Task {
            while waitpid(process, nil, WNOHANG) == 0 { try? await Task.sleep(for: .seconds(1)) }
        }
    }

    private var lastWords: String {
        let text = (try? String(contentsOf: log.asFileURL, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").suffix(3).joined(separator: "; ").visible
    }

    private func spawn() throws(ResumeError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0o600)
        posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO)
        // Otherwise the dashboard's sockets stay open, and its port taken, until the run ends.
        let symbol = dlsym(nil, "posix_spawn_file_actions_addclosefrom_np")
        guard let symbol else { throw ResumeError("cannot start a process for the run: the C library is older than glibc 2.34") }
        _ = unsafeBitCast(symbol, to: AddCloseFrom.self)(&actions, STDERR_FILENO + 1)

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var all = sigset_t()
        sigfillset(&all)
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | Self.newSession))

        let words = ["convoy", "resume", run.description, "--yes", "--fleet", fleetFile]
        // The run does not need the token of the dashboard.
        let variables = environment.filter { $0.key != Serve.tokenVariable }.map { "\($0.key)=\($0.value)" }
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        var environment: [UnsafeMutablePointer<CChar>?] = variables.map { strdup($0) } + [nil]
        defer { for text in arguments + environment { free(text) } }
        var process = pid_t()
        let code = posix_spawn(&process, "/proc/self/exe", &actions, &attributes, &arguments, &environment)
        guard code == 0 else { throw ResumeError("cannot start a process for the run: \(String(cString: strerror(code)))") }
        return process
    }
}
