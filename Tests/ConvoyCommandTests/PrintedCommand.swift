import Foundation
import TestSupport

/// The commands that a text shows on lines of their own.
func printedCommands(_ text: String) -> [String] {
    text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }.filter { $0.hasPrefix("convoy ") }
}

/// Runs a command that Convoy printed as a person would: pasted into a shell.
///
/// - Parameter options: added at its end.
func runPrinted(_ command: String, _ options: String = "", in folder: String) async throws -> (exitCode: Int32?, said: String) {
    let programs = URL(fileURLWithPath: try convoyPath()).deletingLastPathComponent().path
    let process = try ChildProcess(
        "/bin/sh",
        ["-c", "\(command) \(options)"],
        environment: ["PATH": "\(programs):/usr/bin:/bin", "HOME": folder],
        in: folder,
        timeLimit: .seconds(60)
    )
    process.closeInput()
    let end = await process.wait()
    let said = end.standardOutput + end.standardError
    if case .exited(let code) = end.status { return (code, said) }
    return (nil, said)
}
