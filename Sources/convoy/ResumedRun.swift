import ConvoyDashboard
import ConvoyMigrations
import ConvoyReporting
import ConvoyRollout
import FoundationEssentials
import Glibc

/// `convoy resume` in a process and a session of its own, so that it goes on when the one that started it ends.
struct ResumedRun {
    let run: RunID
    /// The journal's file; what the process writes goes to a file beside it.
    let journal: String
    let fleetFile: String
    let environment: [String: String]

    private static let patience = Duration.seconds(15)
    /// `POSIX_SPAWN_SETSID`, which glibc's headers only show to GNU programs.
    private static let newSession: Int32 = 0x80

    private var log: String { "\(journal).\(run).log" }

    /// Starts it, and returns when it has taken the run up.
    ///
    /// - Throws: where it could not be started, or ended before that.
    func start() async throws(ResumeError) {
        let process = try spawn()
        let deadline = ContinuousClock.now + Self.patience
        var status: Int32 = 0
        while ContinuousClock.now < deadline {
            guard waitpid(process, &status, WNOHANG) == 0 else {
                // A run with nothing left to do may have ended already.
                if status == 0 { return }
                throw ResumeError("the run was not gone on with: \(lastWords). \(log) has everything that was said")
            }
            if let holder = try? RunLock.holder(of: run, journal: journal), holder.hasPrefix("pid \(process) ") { break }
            try? await Task.sleep(for: .milliseconds(50))
        }
        // Nobody waits for it: it lives as long as it likes, and what is left of it is collected when it ends.
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
        // The run has no use for what readers of the dashboard have to show.
        let variables = environment.filter { $0.key != Serve.tokenVariable }.map { "\($0.key)=\($0.value)" }
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        var environment: [UnsafeMutablePointer<CChar>?] = variables.map { strdup($0) } + [nil]
        defer { for text in arguments + environment { free(text) } }
        var process = pid_t()
        let code = posix_spawn(&process, "/proc/self/exe", &actions, &attributes, &arguments, &environment)
        guard code == 0 else { throw ResumeError("a process for it cannot be started: \(String(cString: strerror(code)))") }
        return process
    }
}
