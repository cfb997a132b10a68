import Foundation
import TestSupport
import convoy

/// Where the built `convoy` is, for tests that start it from a shell.
func convoyPath() throws -> String {
    let process = ProcessInfo.processInfo
    let beside = URL(
        fileURLWithPath: (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? process.arguments[0]
    )
    .deletingLastPathComponent().appending(path: "convoy").path
    return FileManager.default.isExecutableFile(atPath: beside) ? beside : "\(repositoryRoot)/.build/debug/convoy"
}

/// `convoy` on a terminal of its own, 100 columns wide, as `script` makes one.
struct TerminalProcess {
    private let process: ChildProcess

    init(_ arguments: [String], environment: [String: String] = [:], in folder: String) throws {
        try self.init(shell: "\"$CONVOY\" \(arguments.joined(separator: " "))", environment: environment, in: folder)
    }

    /// Any program on such a terminal.
    ///
    /// - Parameter command: as a shell takes it.
    init(shell command: String, environment: [String: String] = [:], in folder: String) throws {
        let variables = ["CONVOY": try convoyPath(), "PATH": "/usr/bin:/bin", "TERM": "xterm", "LANG": "C.UTF-8"]
        process = try ChildProcess(
            "/usr/bin/script",
            ["-qefc", "stty cols 100 rows 30; exec \(command)", "/dev/null"],
            environment: variables.merging(environment) { $1 },
            in: folder,
            timeLimit: .seconds(120)
        )
    }

    /// Waits until everything that was drawn so far is as wanted, or the process has ended.
    @discardableResult
    func wait(until condition: @escaping @Sendable (_ screen: String) -> Bool) async -> String {
        await process.wait { condition($0.standardOutput) }.standardOutput
    }

    func type(_ input: String) throws { try process.write(input) }

    /// Closes the terminal with the process on it, as a closed window or a dropped SSH session does.
    func close() { process.send(signal: 9) }

    func result() async -> (status: ChildProcess.Status?, screen: String) {
        let end = await process.wait()
        return (end.status, end.standardOutput)
    }
}

/// Runs `convoy` on a terminal to its end.
///
/// - Parameters:
///   - input: what is typed once the prompt is on the screen.
///   - prompt: nil types at once.
func onTerminal(
    _ arguments: [String],
    environment: [String: String] = [:],
    in folder: String,
    typing input: String = "",
    after prompt: String? = nil
) async throws -> (status: ChildProcess.Status?, screen: String) {
    let process = try TerminalProcess(arguments, environment: environment, in: folder)
    if let prompt {
        await process.wait { $0.contains(prompt) }
        try process.type(input)
    }
    return await process.result()
}
