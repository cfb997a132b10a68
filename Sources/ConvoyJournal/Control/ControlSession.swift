import ConvoyIO
import ConvoyPostgres
import ConvoyText

/// One session with a control database, opened when it is needed and again when it was lost. ``ControlPool`` lends it to one task at a time.
actor ControlSession {
    private let database: ConnectionParameters
    private let timing: ControlDatabase.Timing
    private let contact: ControlContact
    private var connection: PostgresConnection?
    private var usedAt = ContinuousClock.now
    /// The statements that the connection has parsed, with the names under which it keeps them.
    private var kept: [String: String] = [:]
    /// Whether the last transaction relied on them.
    private var usedKept = false

    /// A session that was idle for longer is opened anew: firewalls and poolers forget such ones without a word.
    private static let longestIdle = Duration.seconds(60)

    init(_ database: ConnectionParameters, _ timing: ControlDatabase.Timing, _ contact: ControlContact) {
        self.database = database
        self.timing = timing
        self.contact = contact
    }

    /// When a transaction is run again.
    struct Persistence: Sendable {
        /// How long to try again; a session that turns out to be gone is opened anew in any case.
        var patience: Duration
        /// Whether the body finds out by itself what an earlier attempt has committed.
        var isRepeatable = false
        /// Whether a server that is read-only is waited for, or another one.
        var waitsForPrimary = false
        /// How long all of it may take; nil is as long as its attempts take.
        var limit: Duration?
        /// Says when the operator cancels; nil is when the task is cancelled. Then a little time is left.
        var haste: ControlHaste?
        /// Since when there is that time; nil is the beginning of the call.
        var begun: ContinuousClock.Instant?
    }

    /// Runs a transaction, and again where nothing can have been committed and the reason passes.
    func perform<Value: Sendable>(
        _ access: ControlDatabase.Access,
        _ persistence: Persistence,
        _ call: ControlCall,
        _ body: @Sendable (ControlTransaction) async throws(ControlError) -> Value
    ) async throws(ControlError) -> Value {
        let deadline = ContinuousClock.now + persistence.patience
        var wait = Duration.milliseconds(50)
        while true {
            let wasOpen = connection?.isOpen == true
            do throws(ControlError) {
                return try await attempt(access, call, body)
            } catch {
                guard !call.isOver else { throw error }
                // Nothing can have been committed.
                if usedKept, error.isAboutKeptStatements {
                    contact.loseStatements()
                    close()
                    continue
                }
                // Another session may be with the primary.
                if error.isReadOnly { close() }
                let mayRepeat =
                    error.isPassing || persistence.isRepeatable && error.isPassingDoubt || persistence.waitsForPrimary && error.isReadOnly
                // The session was older than the loss, and may only have been idle for too long: a new one is worth an attempt whatever the patience.
                if mayRepeat, wasOpen, connection == nil { continue }
                if error.isLoss { contact.lose() }
                guard mayRepeat else { throw error }
                guard .now + wait < deadline else { throw error }
                await rest(for: wait * Double.random(in: 0.7...1.3), call)
                guard !call.isOver else { throw error }
                wait = min(wait * 2, .seconds(1))
            }
        }
    }

    private func rest(for duration: Duration, _ call: ControlCall) async {
        // It is not cancelled with the caller's task, which has some time left.
        let resting = Task { await pause(for: duration, cancellation: .observed) }
        await call.waiting(endedBy: { resting.cancel() }) { await resting.value }
    }

    private func attempt<Value: Sendable>(
        _ access: ControlDatabase.Access,
        _ call: ControlCall,
        _ body: @Sendable (ControlTransaction) async throws(ControlError) -> Value
    ) async throws(ControlError) -> Value {
        let connection = try await opened(call)
        guard !call.isOver else { throw call.problem }
        connection.watch = call.watch
        defer { connection.watch = nil }
        let transaction = ControlTransaction(connection, access, timing, kept: contact.keepsStatements ? kept : nil)
        defer { (kept, usedKept) = (transaction.kept ?? kept, transaction.usesKept) }
        do throws(ControlError) {
            let value = try await body(transaction)
            try await transaction.finish()
            usedAt = .now
            return value
        } catch {
            await transaction.rollBack()
            if !connection.isOpen { self.connection = nil }
            throw error
        }
    }

    private func opened(_ call: ControlCall) async throws(ControlError) -> PostgresConnection {
        if let connection, connection.isOpen, .now - usedAt < Self.longestIdle { return connection }
        connection?.close()
        connection = nil
        // What a cancelled run has to write down is written all the same: a task of its own is not cancelled with the caller's.
        let opening = Task { await open() }
        let problem = await call.waiting(endedBy: { opening.cancel() }) { await opening.value }
        if let connection { return connection }
        guard let problem, problem.code != .cancelled else { throw call.problem }
        throw .postgres(problem)
    }

    /// - Returns: why it could not be opened.
    private func open() async -> PostgresError? {
        do throws(PostgresError) {
            let opened = try await PostgresConnection.connect(database, applicationName: "convoy control", timeout: timing.connect)
            // Every wait has an end of its own.
            opened.cancellation = .ignored
            opened.budget.resultBytes = 256 << 20
            opened.budget.bytesWithoutResult = 256 << 20
            opened.budget.rows = 1_000_000
            connection = opened
            kept = [:]
            usedAt = .now
            return nil
        } catch {
            return error
        }
    }

    /// Ends the session.
    func close() {
        connection?.close()
        connection = nil
    }
}
