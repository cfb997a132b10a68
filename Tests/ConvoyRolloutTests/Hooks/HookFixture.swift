import ConvoyFleet
import ConvoyPostgres
import FoundationEssentials
import Glibc
import Synchronization
import TestSupport

@testable import ConvoyRollout
@testable import ConvoyRun

/// A shell script as a hook's argument list.
func script(_ text: String, _ arguments: String...) -> [String] { ["/bin/sh", "-c", text, "script"] + arguments }

/// A runner with one hook at each point given.
func hookRunner(
    _ commands: [HookPoint: [String]],
    timeout: Duration = .seconds(60),
    grace: Duration = .seconds(30),
    instances: [Instance] = [],
    secrets: KnownSecrets = KnownSecrets(),
    environment: [String: String] = ProcessInfo.processInfo.environment,
    passing variables: Set<String> = [],
    onLine: (@Sendable (String) -> Void)? = nil
) -> HookRunner {
    HookRunner(
        Hooks(commands: commands, timeout: timeout, environment: variables),
        fleet: "eu",
        instances: instances,
        secrets: secrets,
        environment: environment,
        grace: grace,
        onLine: onLine
    )
}

/// The lines that programs wrote so far.
final class LineLog: Sendable {
    private let lines = Mutex<[String]>([])

    @Sendable func add(_ line: String) { lines.withLock { $0.append(line) } }

    var all: [String] { lines.withLock(\.self) }
}

/// Whether a process is no more, or only waits to be collected.
func isGone(_ process: Int32) -> Bool {
    guard kill(process, 0) == 0 else { return true }
    let status = (try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)) ?? ") X"
    return status[(status.lastIndex(of: ")") ?? status.startIndex)...].dropFirst(2).first == "Z"
}

extension HookResult {
    /// The process ids that the script wrote, one a line.
    var processes: [Int32] { output.split(separator: "\n").compactMap { Int32($0) } }
}

/// A file to which hooks and fakes write in turn.
struct Diary: Sendable {
    let path: String

    func write(_ word: String) {
        let descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT, 0o600)
        defer { close(descriptor) }
        let bytes = Array("\(word)\n".utf8)
        _ = Glibc.write(descriptor, bytes, bytes.count)
    }

    /// What was written, in order.
    var words: [String] { ((try? String(contentsOfFile: path, encoding: .utf8)) ?? "").split(separator: "\n").map(String.init) }
}

func withDiary(_ body: (Diary) async throws -> Void) async throws {
    try await withTemporaryFolder { folder in try await body(Diary(path: "\(folder)/diary")) }
}
