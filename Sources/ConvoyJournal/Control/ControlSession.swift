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
        /// Whether the operator has cancelled: then it tries a little longer only.
        var isInterrupted: @Sendable () -> Bool = { Task.isCancelled }
    }

    /// Runs a transaction, and again where nothing can have been committed and the reason passes.
    func perform<Value: Sendable>(
        _ access: ControlDatabase.Access,
        _ persistence: Persistence,
        _ body: @Sendable (ControlTransaction) async throws(ControlError) -> Value
    ) async throws(ControlError) -> Value {
        var deadline = ContinuousClock.now + persistence.patience
        var wait = Duration.milliseconds(50)
        var isHurried = false
        while true {
            let wasOpen = connection?.isOpen == true
            do throws(ControlError) {
                return try await attempt(access, body)
            } catch {
                // Another session may be with the primary.
                if error.isReadOnly { close() }
                let mayRepeat =
                    error.isPassing || persistence.isRepeatable && error.isPassingDoubt || persistence.waitsForPrimary && error.isReadOnly
                // The session was older than the loss, and may only have been idle for too long: a new one is worth an attempt whatever the patience.
                if mayRepeat, wasOpen, connection == nil { continue }
                if error.isLoss { contact.lose() }
                guard mayRepeat else { throw error }
                if !isHurried, persistence.isInterrupted() {
                    isHurried = true
                    deadline = min(deadline, .now + timing.interruptedPatience)
                }
                guard .now + wait < deadline else { throw error }
                await pause(for: wait * Double.random(in: 0.7...1.3), cancellation: .ignored)
                wait = min(wait * 2, .seconds(1))
            }
        }
    }

    private func attempt<Value: Sendable>(
        _ access: ControlDatabase.Access,
        _ body: @Sendable (ControlTransaction) async throws(ControlError) -> Value
    ) async throws(ControlError) -> Value {
        let connection = try await opened()
        let transaction = ControlTransaction(connection, access, timing)
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

    private func opened() async throws(ControlError) -> PostgresConnection {
        if let connection, connection.isOpen, .now - usedAt < Self.longestIdle { return connection }
        connection?.close()
        connection = nil
        do throws(PostgresError) {
            // What a cancelled run has to write down is written all the same; every wait has an end of its own.
            let opened = try await PostgresConnection.connect(
                database,
                applicationName: "convoy control",
                timeout: timing.connect,
                cancellation: .ignored
            )
            opened.cancellation = .ignored
            opened.budget.resultBytes = 256 << 20
            opened.budget.bytesWithoutResult = 256 << 20
            opened.budget.rows = 1_000_000
            connection = opened
            usedAt = .now
            return opened
        } catch {
            throw .postgres(error)
        }
    }

    /// Ends the session.
    func close() {
        connection?.close()
        connection = nil
    }
}
