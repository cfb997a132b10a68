internal import Subprocess
internal import SystemPackage

/// A program that continues when this one ends: in a session of its own, with nothing to read, both output streams appended to a file, and
/// none of our open files.
package struct DetachedProgram: Sendable {
    let path: String
    let name: String
    let arguments: [String]
    let withheld: [String]
    let added: [String: String]
    let log: String

    /// - Parameters:
    ///   - path: The executable.
    ///   - name: What the program is called, its `argv[0]`.
    ///   - withheld: The variables of our own environment that the program does not get.
    ///   - added: Variables that the program gets in addition; never a secret.
    ///   - log: The file for its output, which only this user may read. A symbolic link is refused.
    package init(
        path: String,
        name: String,
        arguments: [String],
        withholding withheld: [String],
        adding added: [String: String] = [:],
        log: String
    ) {
        self.path = path
        self.name = name
        self.arguments = arguments
        self.withheld = withheld
        self.added = added
        self.log = log
    }

    /// Starts it.
    ///
    /// - Returns: how it ended, as soon as that is known.
    package func start() -> OneShot<Program.Ending> {
        let ending = OneShot<Program.Ending>()
        // Not a child of the caller's task: Subprocess kills a program whose task is cancelled, and returns only when it has ended.
        Task { if let known = await run() { ending.fulfil(known) } }
        return ending
    }

    /// Runs it to its end; nil if it was started and its end is not heard of.
    private func run() async -> Program.Ending? {
        var options = PlatformOptions()
        options.createSession = true
        let changes =
            withheld.map { (Environment.Key(stringLiteral: $0), String?.none) }
            + added.map { (Environment.Key(stringLiteral: $0.key), Optional($0.value)) }
        do {
            let output = try FileDescriptor.open(
                log,
                .writeOnly,
                options: [.append, .create, .noFollow, .closeOnExec],
                permissions: .ownerReadWrite
            )
            // Subprocess traps if it cannot make a descriptor while it owns one: it is given ours, which it does not own.
            defer { try? output.close() }
            // The signals get their default handling and none is blocked, and every other open file is closed: Subprocess always does this.
            let result = try await Subprocess.run(
                .path(FilePath(path)),
                arguments: Arguments(executablePathOverride: name, remainingValues: arguments),
                environment: .inherit.updating(Dictionary(changes) { first, _ in first }),
                platformOptions: options,
                input: .none,
                output: .fileDescriptor(output, closeAfterSpawningProcess: false),
                error: .fileDescriptor(output, closeAfterSpawningProcess: false)
            )
            return Program.Ending(result.terminationStatus)
        } catch let error as SubprocessError where error.code == .failedToMonitorProcess {
            return nil
        } catch let error as SubprocessError {
            return .notStarted(error.underlyingError.map { "\($0)" } ?? "\(error)")
        } catch {
            return .notStarted("\(log): \(error)")
        }
    }
}
