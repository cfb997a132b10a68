import ConvoyIO
import ConvoyPostgres
import ConvoyRun
import ConvoyText
internal import Synchronization

/// The lock of a run in a control database: a row with a token, which is renewed until it is let go. A process that is gone renews no longer, and
/// when the lease is over, by the server's clock, another one may take the lock, with a token of its own.
final class ControlLease: RunLock {
    private let control: ControlDatabase
    private let name: String
    private let token: String
    private let renewing: Task<Void, Never>
    private let onRelease: @Sendable () -> Void
    private let isReleased = Mutex(false)

    /// - Parameter onRelease: is called once, before the row is removed.
    init(_ control: ControlDatabase, _ name: String, token: String, onRelease: @escaping @Sendable () -> Void) {
        (self.control, self.name, self.token, self.onRelease) = (control, name, token, onRelease)
        // It must not end with the task that took the lock: the holder lets it go.
        renewing = Task { await Self.renew(control, name, token) }
    }

    deinit { renewing.cancel() }

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
                    WHERE lock.expires_at < clock_timestamp() OR lock.token = excluded.token
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
            "SELECT holder FROM convoy_control.locks WHERE name = $1 AND expires_at >= clock_timestamp()",
            [name]
        )
        return rows.first.map { shown($0.value("holder")) }
    }

    /// A holder's name as it may be shown.
    static func shown(_ holder: String?) -> String { (holder ?? "another process").prefix(bytes: 300).visible }

    private static func interval(_ control: ControlDatabase) -> String { "\(control.timing.lease.milliseconds) milliseconds" }

    private static func renew(_ control: ControlDatabase, _ name: String, _ token: String) async {
        while !Task.isCancelled {
            await pause(for: control.timing.lease / 3, cancellation: .observed)
            guard !Task.isCancelled else { return }
            let renewal = PipelineStatement(
                """
                UPDATE convoy_control.locks SET expires_at = clock_timestamp() + $3::interval WHERE name = $1 AND token = $2
                """,
                [name, token, interval(control)]
            )
            // A lease that cannot be renewed is noticed where it matters: when events are written.
            let renewed = try? await control.transaction(patience: control.timing.lease / 3, isRepeatable: true) {
                transaction throws(ControlError) in try await transaction.commit([renewal]).first?.commandTag
            }
            if renewed == .some("UPDATE 0") { return }
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
        _ = try? await control.transaction(patience: .seconds(2), isRepeatable: true) { transaction throws(ControlError) in
            transaction.add("DELETE FROM convoy_control.locks WHERE name = $1 AND token = $2", [name, token])
        }
    }
}
