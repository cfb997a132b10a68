package import ConvoyPostgres
package import ConvoyRun

/// Why a transaction in a control database did not end as it should.
package enum ControlError: Error, Sendable {
    /// The server or the way to it failed. Nothing was committed.
    case postgres(PostgresError)
    /// What was read forbids it, for example because another process has taken a run over. Nothing was committed.
    case refused(JournalError)
    /// The connection was lost after COMMIT was sent: read what is there before you do it again.
    case commitUnknown(PostgresError)

    /// Runs what reads a result.
    package static func reading<Value>(_ body: () throws(PostgresError) -> Value) throws(ControlError) -> Value {
        do throws(PostgresError) {
            return try body()
        } catch {
            throw .postgres(error)
        }
    }

    /// Whether the same may work a little later, and nothing was committed.
    package var isPassing: Bool {
        guard case .postgres(let error) = self else { return false }
        switch error.code {
        case .unknownHost, .timedOut, .connectionLost: return true
        case .connectFailed: return error.sqlstate.map(Self.passingStates.contains) ?? true
        case .server: return error.sqlstate.map(Self.passingStates.contains) ?? false
        default: return false
        }
    }

    /// Serialization failures, deadlocks, a server that has no connection left, shuts down or starts.
    private static let passingStates: Set<String> = ["40001", "40P01", "53300", "57P01", "57P02", "57P03"]
}
