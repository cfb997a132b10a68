import ConvoyIO
import ConvoyPostgres
import ConvoyRun
import ConvoyText
internal import Synchronization

/// The lock of a run in a control database: a row with a token, which is renewed until it is let go. A process that is gone renews no longer, and
/// when the lease is over, by the server's clock, another one may take the lock, with a token of its own.
///
/// A process that was only slow renews a lease that is over if its row was not taken since: another run that begins, or is resumed, takes the rows
/// of all leases of its fleet that are over; see ``ControlJournal/exclude(othersThan:of:beside:under:)``.
final class ControlLease: RunLock {
    /// Of the row.
    let name: String
    let token: String
    private let control: ControlDatabase
    private let renewing: Task<Void, Never>
    private let onRelease: @Sendable () -> Void
    private let isReleased = Mutex(false)

    /// - Parameters:
    ///   - onLoss: is called once if another process has the lock, with its name, or if the row was removed.
    ///   - onRelease: is called once, before the row is removed.
    init(
        _ control: ControlDatabase,
        _ name: String,
        token: String,
        onLoss: @escaping @Sendable (_ holder: String?) -> Void = { _ in },
        onRelease: @escaping @Sendable () -> Void = {}
    ) {
        (self.control, self.name, self.token, self.onRelease) = (control, name, token, onRelease)
        // It must not end with the task that took the lock: the holder lets it go.
        renewing = Task { await Self.renew(control, name, token, onLoss) }
    }

    deinit { renewing.cancel() }

    static func newToken() -> String { UInt64.random(in: 0...UInt64.max).hexadecimal + UInt64.random(in: 0...UInt64.max).hexadecimal }

    /// Whether a lease is not over, in the words of SQL.
    ///
    /// One that ran out while the server was down could not be renewed: it holds for as long again after the server's start. One that ends far in
    /// the future was taken before the server's clock was set back, or on a server whose clock was ahead: it does not hold.
    ///
    /// - Parameter lock: the row's name in the statement.
    static func isHeld(_ lock: String, _ control: ControlDatabase) -> String {
        let lease = control.timing.lease
        return """
            (\(lock).expires_at <= clock_timestamp() + interval '\(max(.seconds(60), lease * 2).milliseconds) milliseconds'
                AND (\(lock).expires_at >= clock_timestamp()
                    OR clock_timestamp() < pg_postmaster_start_time() + interval '\(lease.milliseconds) milliseconds'
                        AND \(lock).expires_at > pg_postmaster_start_time() - interval '1 hour'))
            """
    }

    /// Locks the row of a lock that this process has, so that no other process takes it before the transaction ends.
    static func locking(_ name: String?, _ token: String?) -> PipelineStatement {
        PipelineStatement("SELECT FROM convoy_control.locks WHERE name = $1 AND token = $2 FOR NO KEY UPDATE", [name, token])
    }

    /// Whether a token still has a lock that is not over, in the words of SQL.
    ///
    /// - Parameter index: the number of the parameter that has the name; the next one has the token.
    static func isOwn(_ index: Int, _ control: ControlDatabase) -> String {
        """
        EXISTS (
            SELECT FROM convoy_control.locks AS own WHERE own.name = $\(index)::text AND own.token = $\(index + 1)::text
                AND \(isHeld("own", control)))
        """
    }

    /// Takes the lock, or finds that this token has it already.
    ///
    /// - Returns: nil if another process has it.
    static func take(_ control: ControlDatabase, _ name: String, token: String) async throws(ControlError) -> Bool {
        try await control.transaction(isRepeatable: true) { transaction throws(ControlError) in
            let taking = PipelineStatement(
                """
                INSERT INTO convoy_control.locks AS lock (name, token, holder, taken_at, expires_at)
                VALUES ($1, $2, $3, clock_timestamp(), clock_timestamp() + $4::interval)
                ON CONFLICT (name) DO UPDATE SET token = excluded.token, holder = excluded.holder, taken_at = excluded.taken_at,
                    expires_at = excluded.expires_at
                    WHERE lock.token = excluded.token OR NOT \(isHeld("lock", control))
                RETURNING name
                """,
                [name, token, ProcessName.own.storable, interval(control)]
            )
            return try await transaction.commit([taking]).first?.rows.isEmpty == false
        }
    }

    /// Who has it; nil if it is free.
    static func holder(_ control: ControlDatabase, _ name: String) async throws(ControlError) -> String? {
        let rows = try await control.rows(
            "SELECT holder FROM convoy_control.locks AS lock WHERE name = $1 AND \(isHeld("lock", control))",
            [name]
        )
        return rows.first.map { shown($0.value("holder")) }
    }

    /// The same, with the time since when.
    static func holderSince(_ control: ControlDatabase, _ name: String) async throws(ControlError) -> String? {
        let rows = try await control.rows(
            """
            SELECT holder, \(ControlText.time("date_trunc('second', taken_at)")) AS taken
            FROM convoy_control.locks AS lock WHERE name = $1 AND \(isHeld("lock", control))
            """,
            [name]
        )
        return rows.first.map { row in
            guard let taken = row.value("taken") else { return shown(row.value("holder")) }
            return "\(shown(row.value("holder"))), since \(taken.prefix(bytes: 40).visible)"
        }
    }

    /// A holder's name as it may be shown.
    static func shown(_ holder: String?) -> String { (holder ?? "another process").prefix(bytes: 300).visible }

    private static func interval(_ control: ControlDatabase) -> String { "\(control.timing.lease.milliseconds) milliseconds" }

    private static func renew(
        _ control: ControlDatabase,
        _ name: String,
        _ token: String,
        _ onLoss: @Sendable (_ holder: String?) -> Void
    ) async {
        let lease = control.timing.lease
        var delay = lease / 3
        while true {
            await pause(for: delay, cancellation: .observed)
            guard !Task.isCancelled else { return }
            let renewal = PipelineStatement(
                """
                UPDATE convoy_control.locks SET expires_at = clock_timestamp() + $3::interval WHERE name = $1 AND token = $2
                """,
                [name, token, interval(control)]
            )
            let present = PipelineStatement("SELECT holder FROM convoy_control.locks WHERE name = $1", [name])
            do throws(ControlError) {
                let results = try await control.renewal { transaction throws(ControlError) in
                    try await transaction.commit([renewal, present])
                }
                guard results.first?.commandTag != "UPDATE 0" else {
                    onLoss(results.last?.rows.first.map { $0.value("holder") ?? "" })
                    return
                }
                delay = lease / 3
            } catch {
                // At once when the database is back: other processes may take a lease that is over.
                delay = min(lease / 12, .milliseconds(250))
            }
        }
    }

    func release() async {
        let isFirst = isReleased.withLock { isReleased in
            defer { isReleased = true }
            return !isReleased
        }
        guard isFirst else { return }
        renewing.cancel()
        await renewing.value
        onRelease()
        // Where that does not work, the lease ends by itself.
        let time = Duration.seconds(2)
        _ = try? await control.transaction(patience: time, limit: time, isRepeatable: true) { transaction throws(ControlError) in
            transaction.add("DELETE FROM convoy_control.locks WHERE name = $1 AND token = $2", [name, token])
        }
    }
}

extension ControlTransaction {
    /// Reads a lock, and locks its row, so that no other process takes it before the transaction ends; nil if it is free.
    func lock(_ name: String, _ control: ControlDatabase) async throws(ControlError) -> (token: String?, holder: String?, isHeld: Bool)? {
        let rows = try await query(
            """
            SELECT token, holder, \(ControlLease.isHeld("lock", control)) AS is_held FROM convoy_control.locks AS lock
            WHERE name = $1 FOR NO KEY UPDATE
            """,
            [name]
        ).rows
        return rows.first.map { ($0.value("token"), $0.value("holder"), $0.value("is_held") == "t") }
    }

    /// Sees to it that this process has a run's lock, to the end of the transaction.
    ///
    /// - Throws: ``ControlError/refused(_:)`` with the reason `overtaken`.
    func check(_ run: RunID, _ token: String?, _ control: ControlDatabase) async throws(ControlError) {
        guard let token, let lock = try await lock(run.description.storable, control), lock.token == token, lock.isHeld else {
            throw .refused(.overtaken(control.place, "run \(run) was not resumed: another process was faster"))
        }
    }

    /// Sees to it that a lock that this process took still holds, to the end of the transaction.
    ///
    /// - Throws: ``ControlError/refused(_:)`` with the reason `overtaken`.
    func check(_ start: any RunLock, _ control: ControlDatabase) async throws(ControlError) {
        let lease = start as? ControlLease
        guard let lease, let lock = try await lock(lease.name, control), lock.token == lease.token, lock.isHeld else {
            throw .refused(.overtaken(control.place, "another process is starting a run"))
        }
    }
}
