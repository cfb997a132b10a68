import ConvoyDashboard
import FoundationEssentials

/// Where `serve` listens, according to its options.
enum Opening {
    case address(ListenAddress)
    /// A Unix socket that is made at this path.
    case socketFile(String)
    /// The socket that systemd hands over.
    case systemd

    /// - Parameters:
    ///   - listen: the value of `--listen`.
    ///   - socket: that of `--socket`.
    init(listen: String?, socket: String?) throws {
        switch (listen, socket) {
        case (_?, _?): throw CommandFailure(.usage, "--listen and --socket exclude each other", hint: "omit one of them")
        case (nil, nil): self = .address(.standard)
        case (nil, "systemd"): self = .systemd
        case (nil, let path?): self = .socketFile(path)
        case (let text?, nil):
            guard let address = ListenAddress(text) else {
                throw CommandFailure(
                    .usage,
                    "--listen: “\(text)” is not HOST:PORT",
                    hint: "for example 127.0.0.1:7080, [::1]:7080 or 0.0.0.0:7080"
                )
            }
            self = .address(address)
        }
    }

    /// This process's environment, without the variables that describe a socket which it takes over: they are not meant for its children.
    var environment: [String: String] {
        let environment = ProcessInfo.processInfo.environment
        return if case .systemd = self { environment.filter { !SocketActivation.variables.contains($0.key) } } else { environment }
    }

    /// Runs the body with what is opened, and removes afterwards what was made for it.
    func withPlace(_ body: (ListenPlace) async throws -> Void) async throws {
        switch self {
        case .address(let address): try await body(.network(address))
        case .systemd: try await body(try taken())
        case .socketFile(let path):
            let file = try await made(path)
            defer { file.remove() }
            try await body(.unix(path: path, descriptor: file.descriptor))
        }
    }

    private func taken() throws -> ListenPlace {
        do throws(ServeProblem) {
            return try SocketActivation.take(ProcessInfo.processInfo.environment)
        } catch {
            throw CommandFailure(error)
        }
    }

    private func made(_ path: String) async throws -> UnixSocketFile {
        do throws(ServeProblem) {
            return try await UnixSocketFile.open(path)
        } catch {
            throw CommandFailure(error)
        }
    }
}

extension CommandFailure {
    /// Why the dashboard cannot begin.
    init(_ problem: ServeProblem) {
        self.init(problem.isPassing ? .failed : .configuration, problem.message, hint: problem.hint)
    }
}
