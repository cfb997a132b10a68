import ConvoyIO
package import ConvoyPostgres

/// The PostgreSQL database in which many processes keep the runs of a fleet.
///
///     let control = ControlDatabase(parameters)
///     let turn = try await control.transaction { transaction throws(ControlError) in
///         let row = try await transaction.query("SELECT turn FROM convoy_control.runs WHERE id = $1 FOR UPDATE", [run])
///         transaction.add("UPDATE convoy_control.runs SET turn = turn + 1 WHERE id = $1", [run])
///         …
///     }
///
/// Nothing needs more of a session than one transaction, so a pooler in transaction mode may stand in between. Each wait has an end.
package final class ControlDatabase: Sendable {
    /// Where it is, for messages: `host:port/database`, never a password.
    package let place: String
    /// How it is reached.
    package let parameters: ConnectionParameters
    /// How long things may take.
    package let timing: Timing
    private let pool: ControlPool
    private let contact = ControlContact()
    /// The session that renews leases: it waits neither for another one nor for long.
    private let renewals: ControlPool

    /// Waits that are not the user's to set.
    package struct Timing: Sendable {
        /// For a session to be ready.
        package var connect = Duration.seconds(5)
        /// For one statement, on the server.
        package var statement = Duration.seconds(30)
        /// For an answer, should the server fall silent.
        package var answer = Duration.seconds(40)
        /// How long what a run has to write down waits for a database that is gone.
        package var patience = Duration.seconds(60)
        /// How long a question waits for it.
        package var readingPatience = Duration.seconds(10)
        /// How long what comes after such a wait in vain waits.
        package var laterPatience = Duration.seconds(5)
        /// How long everything may still take once the operator has cancelled, answers included: also where the server accepts and falls silent.
        package var interruptedPatience = Duration.seconds(2)
        /// How long a lock holds without being renewed.
        package var lease = Duration.seconds(15)
        /// How many sessions there are at most, besides one that renews leases.
        package var sessions = 4

        package init() {}
    }

    /// What a transaction does.
    package enum Access: Sendable {
        /// In one snapshot.
        case reading
        case writing
        /// As ``writing``, with a function that sets its limits itself.
        case calling

        /// A database that is read-only by default stays so.
        var begin: String {
            switch self {
            case .reading: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
            case .writing, .calling: "BEGIN ISOLATION LEVEL READ COMMITTED"
            }
        }
    }

    /// A database; nothing is opened yet.
    package init(_ parameters: ConnectionParameters, timing: Timing = Timing()) {
        place = parameters.databasePlace
        var parameters = parameters
        // After a switch the former primary may come back as a standby, and be the first of several hosts.
        parameters.preferPrimary()
        self.parameters = parameters
        self.timing = timing
        let (sessionParameters, contact) = (parameters, self.contact)
        pool = ControlPool((0..<max(1, timing.sessions)).map { _ in ControlSession(sessionParameters, timing, contact) })
        var short = timing
        let limit = max(timing.lease / 3, .seconds(1))
        short.connect = min(limit, timing.connect)
        short.statement = min(limit, timing.statement)
        short.answer = min(limit, timing.answer)
        renewals = ControlPool([ControlSession(sessionParameters, short, contact)])
    }

    /// When this process last failed to reach the database; nil if it never did. It has its answers since then.
    package var lastLoss: ContinuousClock.Instant? { contact.lastLoss }

    /// Runs a transaction that renews a lease: once, on a session of its own. A server that vanished without a word is given up in time for another
    /// attempt before the lease is over.
    func renewal<Value: Sendable>(
        _ body: @Sendable (ControlTransaction) async throws(ControlError) -> Value
    ) async throws(ControlError) -> Value {
        try await perform(.writing, ControlSession.Persistence(patience: .zero, isRepeatable: true), in: renewals, body)
    }

    /// The one way to a session: every wait ends soon once the operator has cancelled.
    private func perform<Value: Sendable>(
        _ access: Access,
        _ persistence: ControlSession.Persistence,
        in pool: ControlPool,
        _ body: @Sendable (ControlTransaction) async throws(ControlError) -> Value
    ) async throws(ControlError) -> Value {
        let call = ControlCall(begun: persistence.begun ?? .now, grace: timing.interruptedPatience)
        if let limit = persistence.limit { call.end(within: limit) }
        func work() async throws(ControlError) -> Value {
            try await pool.withSession(call) { session throws(ControlError) in try await session.perform(access, persistence, call, body) }
        }
        if let haste = persistence.haste { return try await haste.covering(call, work) }
        let result = await withTaskCancellationHandler { () async -> Result<Value, ControlError> in
            do throws(ControlError) { return .success(try await work()) } catch { return .failure(error) }
        } onCancel: {
            call.hurry()
        }
        return try result.get()
    }

    /// Reads with several statements in one snapshot, in one round trip.
    func ask(_ statements: [PipelineStatement], _ persistence: ControlSession.Persistence) async throws(ControlError) -> [QueryResult] {
        try await perform(.reading, persistence, in: pool) { transaction throws(ControlError) in try await transaction.commit(statements) }
    }

    /// Runs one statement of its own transaction, which sets its limits itself, in one round trip: four statements, of which one is planned, and not the five or more of
    /// ``transaction(_:patience:limit:isRepeatable:_:)``.
    func call(_ statement: PipelineStatement, _ persistence: ControlSession.Persistence) async throws(ControlError) -> QueryResult? {
        try await perform(.calling, persistence, in: pool) { transaction throws(ControlError) in
            try await transaction.commit([statement]).first
        }
    }

    /// Runs a transaction and commits it, unless the body has done so; rolls back where it throws.
    ///
    /// It is run again where nothing can have been committed and the reason passes: a serialization failure, a deadlock, a connection that was lost
    /// before COMMIT was sent. Never begin another transaction within the body: it may wait for the session that this one has.
    ///
    /// - Parameters:
    ///   - patience: how long to run it again while the database is gone; nil means the default of `access`.
    ///   - limit: how long all of it may take; nil is as long as its attempts take.
    ///   - isRepeatable: whether the body finds out by itself what an earlier attempt has committed, so that it is also run again where the end of
    ///     COMMIT is not known.
    /// - Throws: ``ControlError``; what the body throws.
    package func transaction<Value: Sendable>(
        _ access: Access = .writing,
        patience: Duration? = nil,
        limit: Duration? = nil,
        isRepeatable: Bool = false,
        _ body: @Sendable (ControlTransaction) async throws(ControlError) -> Value
    ) async throws(ControlError) -> Value {
        let patience = patience ?? (access == .reading ? timing.readingPatience : timing.patience)
        let persistence = ControlSession.Persistence(patience: patience, isRepeatable: isRepeatable, limit: limit)
        return try await perform(access, persistence, in: pool, body)
    }

    /// Reads with one statement, in one round trip.
    package func rows(
        _ sql: String,
        _ parameters: [String?] = [],
        patience: Duration? = nil
    ) async throws(ControlError) -> [QueryResult.Row] {
        try await transaction(.reading, patience: patience) { transaction throws(ControlError) in
            try await transaction.commit([PipelineStatement(sql, parameters)]).first?.rows ?? []
        }
    }

    /// Ends the sessions; a later call opens new ones.
    package func close() async {
        await pool.close()
        await renewals.close()
    }
}
