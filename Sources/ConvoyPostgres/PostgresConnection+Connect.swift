internal import CLibPQ
package import ConvoyIO
import ConvoyText

extension PostgresConnection {
    /// Opens a session.
    ///
    /// Where the parameters name several hosts, or a name has several addresses, one after the other is tried, each with its share of the time,
    /// so that one which does not answer leaves some to the others. A server that answers and refuses ends the attempt, as in libpq, unless it
    /// is just starting up.
    ///
    /// - Parameter timeout: for all of it, name resolution and TLS included; secret commands have time-outs of their own.
    /// - Throws: `.secretUnavailable`, `.invalidParameters`, `.unknownHost`, `.connectFailed`, `.timedOut`, `.cancelled`.
    package static func connect(
        _ parameters: ConnectionParameters,
        applicationName: String = "convoy",
        timeout: Duration = .seconds(5)
    ) async throws(PostgresError) -> PostgresConnection {
        try await connect(parameters, applicationName: applicationName, timeout: timeout, cancellation: .observed)
    }

    package static func connect(
        _ parameters: ConnectionParameters,
        applicationName: String,
        timeout: Duration,
        cancellation: Cancellation
    ) async throws(PostgresError) -> PostgresConnection {
        var wait = Duration.zero
        return try await connect(
            parameters,
            applicationName: applicationName,
            timeout: timeout,
            cancellation: cancellation,
            secretWait: &wait
        )
    }

    /// The same, and how long secret commands took, which is not part of the timeout.
    ///
    /// A login that is refused is tried once more if the commands, asked anew, give another password: the one that was known may have been
    /// changed since.
    package static func connect(
        _ parameters: ConnectionParameters,
        applicationName: String,
        timeout: Duration,
        cancellation: Cancellation,
        secretWait: inout Duration
    ) async throws(PostgresError) -> PostgresConnection {
        var begin = ContinuousClock.now
        let login = try await LoginParameters.asking(parameters, cancellation)
        secretWait += .now - begin
        do {
            return try await connect(login, applicationName: applicationName, timeout: timeout, cancellation)
        } catch {
            guard !parameters.lateSecrets.isEmpty, LoginParameters.isRefusal(error) else { throw error }
            begin = .now
            let other = try await LoginParameters.asking(parameters, insteadOf: login, cancellation)
            secretWait += .now - begin
            guard other.parameters != login.parameters else { throw other.explaining(error) }
            do {
                return try await connect(other, applicationName: applicationName, timeout: timeout, cancellation)
            } catch {
                throw other.explaining(error)
            }
        }
    }

    private static func connect(
        _ login: LoginParameters,
        applicationName: String,
        timeout: Duration,
        _ cancellation: Cancellation
    ) async throws(PostgresError) -> PostgresConnection {
        let parameters = login.parameters
        let deadline = ContinuousClock.now + timeout
        try parameters.validate()
        let completed = try await parameters.withoutPreference.resolvingService(until: deadline, cancellation)
            .completed(applicationName: applicationName)
        let hosts = try Host.list(completed)
        let effective = completed.choosing(among: hosts.count, given: parameters)
        var failures: [PostgresError] = []
        for pass in effective.passes {
            for (index, host) in hosts.enumerated() {
                do {
                    // A host's share of the time grows with what those before it left.
                    let share = Self.share(of: deadline, among: hosts.count - index)
                    return try await connect(pass, to: host, until: share, cancellation)
                } catch {
                    guard error.allowsAnotherHost else { throw error.after(timeout) }
                    failures.append(error)
                }
            }
        }
        throw PostgresError(combining: failures).after(timeout)
    }

    /// Tries the addresses of one host.
    private static func connect(
        _ parameters: ConnectionParameters,
        to host: Host,
        until deadline: ContinuousClock.Instant,
        _ cancellation: Cancellation
    ) async throws(PostgresError) -> PostgresConnection {
        let addresses = try await host.addresses(until: deadline, cancellation: cancellation)
        var failures: [PostgresError] = []
        for (index, address) in addresses.enumerated() {
            do {
                let share = Self.share(of: deadline, among: addresses.count - index)
                return try await dial(parameters.reaching(address), until: share, cancellation)
            } catch {
                guard error.allowsAnotherHost else { throw error }
                failures.append(error)
            }
        }
        throw PostgresError(combining: failures)
    }

    private static func share(of deadline: ContinuousClock.Instant, among count: Int) -> ContinuousClock.Instant {
        count == 1 ? deadline : .now + (deadline - .now) / count
    }

    /// Connects to one address.
    private static func dial(
        _ parameters: ConnectionParameters,
        until deadline: ContinuousClock.Instant,
        _ cancellation: Cancellation
    ) async throws(PostgresError) -> PostgresConnection {
        _ = neverAskForPassphrases
        guard let handle = parameters.withKeywordsAndValues({ PQconnectStartParams($0, $1, 0) }) else {
            throw PostgresError(.connectFailed, "out of memory")
        }
        let connection = PostgresConnection(connecting: handle, cancellation: cancellation)
        // On failure the last reference goes, and the handle with it.
        guard PQstatus(handle) != CONNECTION_BAD else {
            throw ConnectFailure.error(libpqMessage: errorMessage(handle), beforeDialling: true, parameters)
        }
        var interest = Reactor.Interest.writable
        while true {
            // Within one address, too, libpq may open a second socket: to try without TLS.
            let socket = PQsocket(handle)
            guard socket >= 0 else { throw ConnectFailure.error(libpqMessage: errorMessage(handle), beforeDialling: false, parameters) }
            switch await Reactor.shared.wait(on: socket, for: interest, until: deadline, cancellation: cancellation) {
            case .cancelled: throw PostgresError(.cancelled, "cancelled while connecting")
            case .timedOut: throw PostgresError(.timedOut, "no answer from \(parameters.place)")
            case .ready: break
            }
            // Also while data keep coming: they must not put off the deadline.
            guard .now < deadline else { throw PostgresError(.timedOut, "no session with \(parameters.place)") }
            let progress = connection.inflow.reading { PQconnectPoll(handle) }
            let limit = connection.budget.connectingBytes
            guard connection.inflow.bytes <= limit else {
                throw PostgresError(.connectFailed, "the server sent more than \(limit >> 10) KiB before the session was ready")
            }
            switch progress {
            case PGRES_POLLING_READING: interest = .readable
            case PGRES_POLLING_WRITING: interest = .writable
            case PGRES_POLLING_OK:
                try connection.finishConnecting()
                connection.inflow.receivedResult()
                return connection
            default: throw ConnectFailure.error(libpqMessage: errorMessage(handle), beforeDialling: false, parameters)
            }
        }
    }

    /// libpq would ask for an encrypted key's passphrase on the terminal; this hook takes `sslpassword` or gives up.
    private static let neverAskForPassphrases: Void = PQsetSSLKeyPassHook_OpenSSL(PQdefaultSSLKeyPassHook_OpenSSL)

    private static func errorMessage(_ handle: OpaquePointer) -> String {
        // Longer than what is kept, so that a secret at the cut is recognised as a whole before the end is cut off.
        PQerrorMessage(handle).map { ServerText.text($0, limit: 2 * ServerText.connectionLimit) } ?? ""
    }
}

extension PostgresError {
    /// Whether the next host is tried: not when the server has answered and said no.
    fileprivate var allowsAnotherHost: Bool {
        switch code {
        case .unknownHost, .timedOut: true
        case .connectFailed: server == nil || sqlstate == "57P03"
        default: false
        }
    }

    /// One error for several hosts or addresses.
    fileprivate init(combining failures: [PostgresError]) {
        var messages: [String] = []
        for failure in failures where !messages.contains(failure.message) { messages.append(failure.message) }
        let codes = Set(failures.map(\.code))
        let code = codes.count == 1 ? codes.first : nil
        self.init(code ?? .connectFailed, messages.joined(separator: "; "), server: failures.last { $0.server != nil }?.server)
    }

    /// With the time that was given to all of it.
    fileprivate func after(_ timeout: Duration) -> PostgresError {
        guard code == .timedOut else { return self }
        let (seconds, attoseconds) = (timeout + .microseconds(500)).components
        let rounded = Duration(secondsComponent: seconds, attosecondsComponent: attoseconds / 1_000_000_000_000_000 * 1_000_000_000_000_000)
        return PostgresError(code, "\(message) within \(rounded)", server: server)
    }
}
