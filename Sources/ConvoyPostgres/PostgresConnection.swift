internal import CLibPQ

/// One session of a PostgreSQL server. It belongs to one task: the class is not Sendable, and calls never overlap.
///
///     let connection = try await PostgresConnection.connect(parameters)
///     let row = try await connection.query("SELECT count(*) AS cars FROM public.cars").onlyRow()
///
/// No call blocks the cooperative pool: sockets are waited for by the reactor's thread, names are resolved and cancel requests sent on
/// threads of their own.
///
/// When the task is cancelled during a call, the cancel request is repeated until the server has stopped; the call then throws `.cancelled` and
/// the session can be used for cleaning up, unless ``isOpen`` says that the server did not answer in time.
public final class PostgresConnection {
    /// What the server says of the session's transaction.
    public enum TransactionStatus: Sendable, Hashable {
        case idle, inTransaction, failed, unknown
    }

    /// How long a cancelled call waits for the server to stop before it gives the session up.
    package static let cancellationGrace = Duration.seconds(5)

    private(set) var handle: OpaquePointer?
    let notices: NoticeBox
    let canceller: Canceller?

    /// Set to `.ignored` for clean-up, which must not itself be cancelled.
    package var cancellation = Cancellation.observed

    private init(_ handle: OpaquePointer, notices: NoticeBox) {
        self.handle = handle
        self.notices = notices
        canceller = Canceller(handle)
        backendPID = PQbackendPID(handle)
        serverVersion = Int(PQserverVersion(handle))
    }

    deinit {
        if let handle { PQfinish(handle) }
    }

    /// The server process's id, as the server told the client at the start; a pooler makes one up.
    public let backendPID: Int32

    /// For example 150004 for 15.4.
    public let serverVersion: Int

    /// Whether the session can still be used.
    public var isOpen: Bool { handle.map { PQstatus($0) == CONNECTION_OK } ?? false }

    public var transactionStatus: TransactionStatus {
        guard let handle else { return .unknown }
        switch PQtransactionStatus(handle) {
        case PQTRANS_IDLE: return .idle
        case PQTRANS_INTRANS, PQTRANS_ACTIVE: return .inTransaction
        case PQTRANS_INERROR: return .failed
        default: return .unknown
        }
    }

    /// A setting that the server reports by itself, such as `server_version` or `in_hot_standby`.
    public func parameterStatus(_ name: String) -> String? {
        guard let handle, let value = PQparameterStatus(handle, name) else { return nil }
        return String(cString: value)
    }

    /// The notices and warnings since the last call, oldest first.
    public func takeNotices() -> [ServerMessage] {
        defer { notices.messages.removeAll() }
        return notices.messages
    }

    /// Ends the session at once. The server rolls back what is open. Also done when the last reference goes.
    public func close() {
        guard let handle else { return }
        self.handle = nil
        PQfinish(handle)
    }

    /// Opens a session.
    ///
    /// - Parameter timeout: for all of it, name resolution and TLS included.
    /// - Throws: `.invalidParameters`, `.unknownHost`, `.connectFailed`, `.timedOut`, `.cancelled`.
    public static func connect(
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
        let deadline = ContinuousClock.now + timeout
        let effective = try await effectiveParameters(parameters, applicationName: applicationName, until: deadline, cancellation)
        guard let handle = start(effective) else { throw PostgresError(.connectFailed, "out of memory") }
        let notices = NoticeBox()
        let connection: PostgresConnection
        do {
            try await poll(handle, parameters: effective, until: deadline, timeout: timeout, cancellation)
            connection = PostgresConnection(handle, notices: notices)
            connection.cancellation = cancellation
        } catch {
            PQfinish(handle)
            throw error
        }
        guard PQsetnonblocking(handle, 1) == 0 else {
            throw PostgresError(.connectFailed, "could not switch the connection to non-blocking")
        }
        // libpq would print notices on stderr. The box lives as long as the connection.
        PQsetNoticeReceiver(
            handle,
            { context, result in
                guard let context, let result else { return }
                Unmanaged<NoticeBox>.fromOpaque(context).takeUnretainedValue().messages.append(ServerMessage(result))
            },
            Unmanaged.passUnretained(notices).toOpaque()
        )
        return connection
    }

    /// What libpq is given: services read, names resolved, and our own defaults where nothing is said.
    private static func effectiveParameters(
        _ parameters: ConnectionParameters,
        applicationName: String,
        until deadline: ContinuousClock.Instant,
        _ cancellation: Cancellation
    ) async throws(PostgresError) -> ConnectionParameters {
        var parameters = try parameters.resolvingService()
        let defaults = ConnectionParameters.defaults()
        for keyword in ["host", "hostaddr", "port"] where parameters[keyword] == nil { parameters[keyword] = defaults[keyword] }
        // Our own deadline holds; libpq's does not apply to a connection that is polled.
        parameters["connect_timeout"] = nil
        parameters["client_encoding"] = "UTF8"
        let ours = [
            "application_name": applicationName,
            // "prefer" may talk to a Kerberos server, blocking.
            "gssencmode": "disable",
            // A server that vanished is noticed within half a minute.
            "keepalives": "1", "keepalives_idle": "10", "keepalives_interval": "5", "keepalives_count": "4", "tcp_user_timeout": "30000",
        ]
        for (keyword, value) in ours where parameters[keyword] == nil { parameters[keyword] = value }
        return try await HostAddresses.resolve(parameters, until: deadline, cancellation: cancellation)
    }

    private static func start(_ parameters: ConnectionParameters) -> OpaquePointer? {
        // libpq would ask for an encrypted key's passphrase on the terminal; this hook takes `sslpassword` or gives up.
        PQsetSSLKeyPassHook_OpenSSL(PQdefaultSSLKeyPassHook_OpenSSL)
        let handle = parameters.withKeywordsAndValues { PQconnectStartParams($0, $1, 0) }
        // For the SQLSTATE: libpq has no other way to learn it while connecting.
        if let handle { PQsetErrorVerbosity(handle, PQERRORS_VERBOSE) }
        return handle
    }

    private static func poll(
        _ handle: OpaquePointer,
        parameters: ConnectionParameters,
        until deadline: ContinuousClock.Instant,
        timeout: Duration,
        _ cancellation: Cancellation
    ) async throws(PostgresError) {
        guard PQstatus(handle) != CONNECTION_BAD else { throw connectFailure(handle, parameters) }
        var interest = Reactor.Interest.writable
        while true {
            // The socket can change between polls, when libpq goes on to the next address.
            switch await Reactor.shared.wait(on: PQsocket(handle), for: interest, until: deadline, cancellation: cancellation) {
            case .cancelled:
                throw PostgresError(.cancelled, "cancelled while connecting")
            case .timedOut:
                throw PostgresError(.timedOut, "no answer within \(timeout) while connecting to \(parameters.place)")
            case .ready:
                break
            }
            switch PQconnectPoll(handle) {
            case PGRES_POLLING_OK: return
            case PGRES_POLLING_READING: interest = .readable
            case PGRES_POLLING_WRITING: interest = .writable
            default: throw connectFailure(handle, parameters)
            }
        }
    }

    private static func connectFailure(_ handle: OpaquePointer, _ parameters: ConnectionParameters) -> PostgresError {
        ConnectFailure.error(libpqMessage: PQerrorMessage(handle).map { String(cString: $0) } ?? "", parameters)
    }
}

/// Where libpq's notice receiver puts what it gets. It is called only within libpq calls, so on the connection's own task.
final class NoticeBox {
    var messages: [ServerMessage] = []
}
