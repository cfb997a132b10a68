internal import CLibPQ
import ConvoyIO
import ConvoyText

/// What a NOTIFY of some session said. Any role that may connect to a database may notify, so nothing may depend on it but when to look.
package struct PostgresNotification: Sendable, Hashable {
    package var channel: String
    /// Cut to the length of a name.
    package var payload: String
}

extension PostgresConnection {
    /// The most that one call returns; more stay for the next.
    private static let notificationLimit = 1000

    /// Waits for notifications on channels to which the session listens. Those that arrive during another call are dropped.
    ///
    /// - Parameter deadline: how long to wait for the first one.
    /// - Returns: those that have arrived, oldest first; empty when the time is over.
    /// - Throws: `.cancelled`, after which the session can still be used; `.connectionLost` and `.overBudget`, after which it is closed.
    package func notifications(until deadline: ContinuousClock.Instant) async throws(PostgresError) -> [PostgresNotification] {
        while true {
            guard let handle else { throw PostgresError(.connectionLost, "the connection is closed") }
            let arrived = takeNotifications(handle)
            if !arrived.isEmpty {
                inflow.receivedResult()
                return arrived
            }
            let socket = PQsocket(handle)
            guard socket >= 0 else { throw endOfSession(lost()) }
            switch await Reactor.shared.wait(on: socket, for: .readable, until: deadline, cancellation: cancellation) {
            case .timedOut: return []
            case .cancelled: throw PostgresError(.cancelled, "cancelled while waiting for notifications")
            case .ready: guard inflow.reading({ PQconsumeInput(handle) }) == 1 else { throw endOfSession(lost()) }
            }
            let limit = budget.bytesWithoutResult
            guard inflow.bytes <= limit else {
                throw endOfSession(PostgresError(.overBudget, "the server sent more than \(limit >> 20) MiB without a notification"))
            }
            // Also while notices keep coming.
            guard .now < deadline else { return takeNotifications(handle) }
        }
    }

    private func takeNotifications(_ handle: OpaquePointer) -> [PostgresNotification] {
        var arrived: [PostgresNotification] = []
        while arrived.count < Self.notificationLimit, let notification = PQnotifies(handle) {
            defer { PQfreemem(notification) }
            arrived.append(
                PostgresNotification(
                    channel: ServerText.text(notification.pointee.relname, limit: ServerText.nameLimit),
                    payload: ServerText.text(notification.pointee.extra, limit: ServerText.nameLimit)
                )
            )
        }
        return arrived
    }

    private func endOfSession(_ error: PostgresError) -> PostgresError {
        close()
        return error
    }
}
