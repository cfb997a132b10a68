import Foundation
import TestSupport

/// Where the built `convoy` is, for tests that start it from a shell.
func convoyPath() throws -> String {
    let process = ProcessInfo.processInfo
    let beside = URL(
        fileURLWithPath: (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? process.arguments[0]
    )
    .deletingLastPathComponent().appending(path: "convoy").path
    return FileManager.default.isExecutableFile(atPath: beside) ? beside : "\(repositoryRoot)/.build/debug/convoy"
}

/// Runs `convoy` on a terminal of its own, 100 columns wide, as `script` makes one.
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
    let variables = ["CONVOY": try convoyPath(), "PATH": "/usr/bin:/bin", "TERM": "xterm", "LANG": "C.UTF-8"]
    let process = try ChildProcess(
        "/usr/bin/script",
        ["-qefc", "stty cols 100 rows 30; exec \"$CONVOY\" \(arguments.joined(separator: " "))", "/dev/null"],
        environment: variables.merging(environment) { $1 },
        in: folder,
        timeLimit: .seconds(60)
    )
    if let prompt {
        await process.wait { $0.standardOutput.contains(prompt) }
        try process.write(input)
    }
    let end = await process.wait()
    return (end.status, end.standardOutput)
}
