internal import CLibPQ
package import ConvoyIO
import ConvoyText

/// One session of a PostgreSQL server. It belongs to one task: the class is not Sendable, and calls never overlap.
///
///     let connection = try await PostgresConnection.connect(parameters)
///     let row = try await connection.query("SELECT count(*) AS cars FROM public.cars").onlyRow()
///
/// No call blocks the cooperative pool: sockets are waited for by the reactor's thread, names are resolved and cancel requests sent on
/// threads of their own.
///
/// When the task is cancelled during a call, the cancel request is repeated until the server has stopped; then the session can be used for
/// cleaning up, unless ``isOpen`` says that the server did not answer in time.
public final class PostgresConnection {
    /// What the server says of the session's transaction.
    public enum TransactionStatus: Sendable, Hashable {
        /// `idle`: no transaction is open. `inTransaction`: one is open. `failed`: one is open, and after an error it can only be rolled
        /// back. `unknown`: the session is closed or lost.
        case idle, inTransaction, failed, unknown
    }

    /// How long a cancelled call waits for the server to stop before it gives the session up.
    package static let cancellationGrace = Duration.seconds(5)

    private(set) var handle: OpaquePointer?
    let notices = NoticeBox()
    /// What the server has sent since the last result.
    var inflow = Inflow()
    private(set) var canceller: Canceller?

    /// Set to `.ignored` for clean-up, which must not itself be cancelled.
    package var cancellation = Cancellation.observed

    /// Bounds each answer, and shows another task what is waited for.
    package var watch: PipelineWatch?
    /// What the server may send.
    package var budget = SessionBudget() {
        didSet { notices.limit = budget.keptNotices }
    }

    /// Takes over what `PQconnectStartParams` gave.
    init(connecting handle: OpaquePointer, cancellation: Cancellation) {
        self.handle = handle
        self.cancellation = cancellation
        // For the SQLSTATE: libpq has no other way to learn it while connecting.
        PQsetErrorVerbosity(handle, PQERRORS_VERBOSE)
        // libpq would print notices on stderr, and some come while connecting. The box lives as long as the connection.
        PQsetNoticeReceiver(
            handle,
            { context, result in
                guard let context, let result else { return }
                Unmanaged<NoticeBox>.fromOpaque(context).takeUnretainedValue().add(ServerMessage(result))
            },
            Unmanaged.passUnretained(notices).toOpaque()
        )
    }

    /// Reads what is known only now that the session is there.
    func finishConnecting() throws(PostgresError) {
        guard let handle, PQsetnonblocking(handle, 1) == 0 else {
            throw PostgresError(.connectFailed, "could not switch the connection to non-blocking")
        }
        canceller = Canceller(handle)
        backendPID = PQbackendPID(handle)
        serverVersion = Int(PQserverVersion(handle))
    }

    deinit {
        if let handle { PQfinish(handle) }
    }

    /// The server process's id, as the server reported it at the start; a pooler makes one up.
    public private(set) var backendPID: Int32 = 0

    /// For example 150004 for 15.4.
    public private(set) var serverVersion = 0

    /// Whether the session can still be used, as far as is known: a server that went since the last call shows in the next one.
    public var isOpen: Bool { handle.map { PQstatus($0) == CONNECTION_OK } ?? false }

    /// As of the end of the last call.
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
        return ServerText.text(value, limit: ServerText.nameLimit)
    }

    /// The notices and warnings since the last call, oldest first; no more than `SessionBudget.keptNotices`.
    public func takeNotices() -> [ServerMessage] { notices.take().messages }

    /// The same, and how many others came that were not kept.
    package func takeCountedNotices() -> (messages: [ServerMessage], others: Int) { notices.take() }

    /// Reads and drops notifications: libpq keeps them until they are asked for, and Convoy listens to none.
    func dropNotifications() {
        guard let handle else { return }
        while let notification = PQnotifies(handle) { PQfreemem(notification) }
    }

    /// Ends the session at once. The server rolls back what is open. Also done when the last reference goes.
    public func close() {
        guard let handle else { return }
        self.handle = nil
        PQfinish(handle)
    }

    /// What to throw when the session is gone, with the server's last words where it had some.
    ///
    /// - Parameter message: what ended the session, as far as a result says.
    func lost(_ message: ServerMessage? = nil) -> PostgresError {
        // Words that come while nothing is asked are notices to libpq.
        let message = message?.sqlstate.isEmpty == false ? message : notices.ending ?? message
        var text = message?.message ?? handle.flatMap(PQerrorMessage).map { ServerText.text($0) } ?? ""
        text = text.split(separator: "\n").filter { !$0.hasPrefix("\t") }.joined(separator: "; ")
        if text.isEmpty { text = "the server closed the connection" }
        return PostgresError(
            .connectionLost,
            "the connection was lost: \(text)",
            server: message?.sqlstate.isEmpty == false ? message : nil
        )
    }
}

/// Where libpq's notice receiver puts what it gets. It is called only within libpq calls, so on the connection's own task.
final class NoticeBox {
    private(set) var messages: [ServerMessage] = []
    /// How many were not kept.
    private(set) var others = 0
    var limit = SessionBudget().keptNotices
    /// The last one with which the server said that it ends the session.
    private(set) var ending: ServerMessage?

    func add(_ message: ServerMessage) {
        if message.endsSession { ending = message }
        if messages.count < limit { messages.append(message) } else { others += 1 }
    }

    func take() -> (messages: [ServerMessage], others: Int) {
        defer { (messages, others) = ([], 0) }
        return (messages, others)
    }
}
