import ConvoyPostgres
internal import FoundationEssentials

/// PgBouncer in front of a test's server, started by `Scripts/pooler`; it ends when the last reference goes. Sessions are handed on as they were left.
public final class PgBouncer: Sendable {
    /// How long a client keeps a session of the server.
    public enum Mode: String, Sendable {
        case session, transaction, statement
    }

    /// The port on 127.0.0.1.
    public let port: Int
    private let process: ChildProcess

    public static func start(before server: PostgresServer, _ mode: Mode) async throws -> PgBouncer {
        let process = try ChildProcess(
            "\(repositoryRoot)/Scripts/pooler",
            ["--server", String(server.port), "--mode", mode.rawValue],
            environment: ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin"]
        )
        let ready = await process.wait { $0.standardOutput.hasSuffix("\nready\n") }
        guard let line = ready.standardOutput.split(separator: "\n").first, line.hasPrefix("port="), let port = Int(line.dropFirst(5))
        else {
            throw TestSupportError("no PgBouncer: \(ready.standardError)")
        }
        return PgBouncer(port: port, process: process)
    }

    private init(port: Int, process: ChildProcess) {
        self.port = port
        self.process = process
    }

    deinit {
        process.closeInput()
    }
}
