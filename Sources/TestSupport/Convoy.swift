import ConvoyText
internal import FoundationEssentials
internal import Glibc

/// What a finished `convoy` left: all that its user sees.
public struct ConvoyResult: Sendable {
    public let standardOutput: String
    public let standardError: String
    /// Its exit code; 128 and the signal's number where a signal ended it, as a shell tells it.
    public let exitCode: Int32
}

/// Runs the built `convoy` to its end.
///
/// - Parameters:
///   - environment: added to `PATH` and `HOME`; no `PG…` or `CONVOY_…` variable of the developer gets through.
///   - folder: its working directory.
///   - input: its standard input, never a terminal.
/// - Throws: ``TestSupportError`` if it is not built or takes longer than the limit.
public func runConvoy(
    _ arguments: [String],
    environment: [String: String] = [:],
    in folder: String? = nil,
    input: String = "",
    timeLimit: Duration = .seconds(120)
) async throws -> ConvoyResult {
    let process = try ConvoyProcess(arguments, environment: environment, in: folder, timeLimit: timeLimit)
    if !input.isEmpty { try process.write(input) }
    process.closeInput()
    return try await process.result()
}

/// Runs the built `convoy` as a user for whom permissions count: root may read everything, so it hands a copy to `nobody`.
///
/// - Parameter folder: the working directory; the copy is put there.
public func runConvoyUnprivileged(_ arguments: [String], in folder: String) async throws -> ConvoyResult {
    guard geteuid() == 0 else { return try await runConvoy(arguments, in: folder) }
    let copy = "\(folder)/convoy"
    // Copied by another process: a program that is open for writing anywhere, in a child just forked too, cannot be started.
    let copying = try ChildProcess("/bin/cp", [ConvoyProcess.executable(), copy], environment: [:])
    guard await copying.wait().status == .exited(0), chmod(folder, 0o755) == 0 else {
        throw TestSupportError("cannot copy convoy to \(folder)")
    }
    let process = try ConvoyProcess(["-u", "nobody", "--", copy] + arguments, program: "/usr/sbin/runuser", in: folder)
    process.closeInput()
    return try await process.result()
}

/// A running `convoy`.
public struct ConvoyProcess: Sendable {
    private let arguments: [String]
    private let process: ChildProcess

    /// Starts it; see ``runConvoy(_:environment:in:input:timeLimit:)``.
    public init(
        _ arguments: [String],
        program: String? = nil,
        environment: [String: String] = [:],
        in folder: String? = nil,
        timeLimit: Duration = .seconds(120)
    ) throws {
        var variables = environment
        for name in ["PATH", "HOME"] where variables[name] == nil { variables[name] = ProcessInfo.processInfo.environment[name] }
        self.arguments = arguments
        process = try ChildProcess(try program ?? Self.executable(), arguments, environment: variables, in: folder, timeLimit: timeLimit)
    }

    public var processID: Int32 { process.processID }

    /// What it has written so far.
    public var snapshot: ChildProcess.Snapshot { process.snapshot }

    /// Writes to its standard input.
    public func write(_ text: String) throws { try process.write(text) }

    /// Ends its standard input.
    public func closeInput() { process.closeInput() }

    /// As Ctrl-C does.
    public func interrupt() { process.send(signal: SIGINT) }

    /// As a service manager does.
    public func terminate() { process.send(signal: SIGTERM) }

    /// `kill -9`: it gets no chance to clean up.
    public func kill() { process.send(signal: SIGKILL) }

    /// Waits until it has written something, or has ended; ask the snapshot which.
    @discardableResult
    public func wait(until condition: @escaping @Sendable (ChildProcess.Snapshot) -> Bool) async -> ChildProcess.Snapshot {
        await process.wait(until: condition)
    }

    /// Waits for its end.
    ///
    /// - Throws: ``TestSupportError`` if its time limit was over.
    public func result() async throws -> ConvoyResult {
        let end = await process.wait()
        guard !end.isOverdue, let status = end.status else {
            throw TestSupportError("convoy \(arguments.joined(separator: " ")) took too long; it said: \(end.standardError)")
        }
        let exitCode =
            switch status {
            case .exited(let code): code
            case .killed(let signal): 128 + signal
            }
        return ConvoyResult(standardOutput: end.standardOutput, standardError: end.standardError, exitCode: exitCode)
    }

    /// SwiftPM puts the executables and the test runner into one folder.
    public static func executable() throws -> String {
        let runner = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
        let beside = runner.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        let candidates = ["\(beside)/convoy", "\(repositoryRoot)/.build/debug/convoy"]
        guard let found = candidates.first(where: { FileManager.default.isExecutableFile(atPath: $0) }) else {
            throw TestSupportError("convoy is not built: there is no \(candidates.joined(separator: " and no "))")
        }
        return found
    }
}
