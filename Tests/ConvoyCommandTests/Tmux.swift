import TestSupport
import Testing

/// `convoy` in a terminal that can be read as an operator sees it: a tmux server of its own with one window.
struct Tmux {
    private let socket: String
    private let folder: String

    /// Calls a body with a terminal on which a command runs; everything on it is ended afterwards.
    ///
    /// - Parameter arguments: for `convoy`; the shell that starts it says with which exit code it ended.
    static func with(
        _ arguments: String,
        width: Int = 80,
        height: Int = 24,
        environment: [String: String] = [:],
        in folder: String,
        _ body: (Tmux) async throws -> Void
    ) async throws {
        // Of its own, because the one before may not have ended yet.
        let tmux = Tmux(socket: "\(folder)/tmux.\(UInt32.random(in: 0 ... .max))", folder: folder)
        let variables = environment.map { "\($0)='\($1)' " }.joined()
        let command = "\(variables)'\(try convoyPath())' \(arguments); echo \"ended with $?\"; exec cat"
        try await tmux.run(["-f", "/dev/null", "new-session", "-d", "-x", "\(width)", "-y", "\(height)", command])
        do {
            try await body(tmux)
        } catch {
            Issue.record("the screen was: \((try? await tmux.screen()) ?? "gone")")
            _ = try? await tmux.run(["kill-server"])
            throw error
        }
        _ = try? await tmux.run(["kill-server"])
    }

    /// Presses keys, by tmux's names: `q`, `Enter`, `Down`, `C-c`.
    func press(_ keys: String...) async throws { try await run(["send-keys"] + keys) }

    /// Types a text.
    func type(_ text: String) async throws { try await run(["send-keys", "-l", text]) }

    func resize(width: Int, height: Int) async throws { try await run(["resize-window", "-x", "\(width)", "-y", "\(height)"]) }

    /// Ends the terminal under the program, as a closed window does.
    func close() async throws { try await run(["kill-pane"]) }

    /// What is on the screen, without blanks at the ends of the lines.
    func screen() async throws -> String { try await run(["capture-pane", "-p"]) }

    /// The modes of the terminal, as `stty` prints them.
    func modes() async throws -> String {
        let tty = try await run(["display-message", "-p", "#{pane_tty}"]).split(separator: "\n").first.map(String.init) ?? ""
        let stty = try ChildProcess("/usr/bin/stty", ["-a", "-F", tty], environment: [:], timeLimit: .seconds(20))
        return await stty.wait().standardOutput
    }

    /// The process that runs in the terminal: the shell.
    func processID() async throws -> Int32 {
        try #require(Int32(try await run(["display-message", "-p", "#{pane_pid}"]).split(separator: "\n").first ?? ""))
    }

    /// Waits until the screen is as wanted.
    @discardableResult
    func wait(for wanted: String..., sourceLine: Int = #line) async throws -> String {
        var last = ""
        do {
            try await eventually("the screen has \(wanted)", within: .seconds(30), line: sourceLine) {
                last = try await screen()
                return wanted.allSatisfy(last.contains)
            }
        } catch let error as TestSupportError {
            throw TestSupportError("\(error); the screen was:\n\(last)")
        }
        return last
    }

    @discardableResult
    private func run(_ arguments: [String]) async throws -> String {
        let process = try ChildProcess(
            "/usr/bin/tmux",
            ["-u", "-S", socket] + arguments,
            environment: ["PATH": "/usr/bin:/bin", "TERM": "xterm-256color", "LANG": "C.UTF-8", "HOME": folder, "SHELL": "/bin/sh"],
            in: folder,
            timeLimit: .seconds(30)
        )
        let end = await process.wait()
        guard end.status == .exited(0) else { throw TestSupportError("tmux \(arguments): \(end.standardError)") }
        return end.standardOutput
    }
}
