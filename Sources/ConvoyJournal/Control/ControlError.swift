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

    /// The queue of notifications has become full since it was looked at, so that nothing was committed. The SQLSTATE is that of many limits.
    private static func isQueueFull(_ error: PostgresError) -> Bool {
        error.code == .server && error.sqlstate == "54000" && error.server?.sourceFile == "async.c"
    }

    /// Whether it says that the control database was away: other processes may not have reached it either.
    var isLoss: Bool {
        switch self {
        case .refused: return false
        case .postgres(let error), .commitUnknown(let error):
            switch error.code {
            case .unknownHost, .timedOut, .connectionLost: return true
            case .connectFailed, .server: return error.sqlstate.map(Self.statesOfLoss.contains) ?? true
            default: return false
            }
        }
    }

    /// A server that shuts down, has crashed or starts, or that is a standby.
    private static let statesOfLoss: Set<String> = ["57P01", "57P02", "57P03", "25006"]

    /// The role has no right to something.
    package var isMissingRight: Bool {
        guard case .postgres(let error) = self else { return false }
        return error.sqlstate == "42501"
    }

    /// The server or the session is one for reading only: another server may be the primary now.
    var isReadOnly: Bool {
        guard case .postgres(let error) = self else { return false }
        return error.sqlstate == "25006"
    }

    /// Whether the same may work a little later, and nothing was committed.
    package var isPassing: Bool {
        guard case .postgres(let error) = self else { return false }
        return Self.isPassing(error)
    }

    /// Whether the same may be sent again by what finds out by itself whether the COMMIT took place.
    var isPassingDoubt: Bool {
        guard case .commitUnknown(let error) = self else { return false }
        return Self.isPassing(error)
    }

    private static func isPassing(_ error: PostgresError) -> Bool {
        switch error.code {
        case .unknownHost, .timedOut, .connectionLost: true
        case .connectFailed: error.sqlstate.map(passingStates.contains) ?? true
        case .server: error.sqlstate.map(passingStates.contains) ?? false || isQueueFull(error)
        // An answer that is too large is as large the next time.
        default: false
        }
    }

    /// Serialization failures, deadlocks, a server that has no connection left, shuts down or starts.
    private static let passingStates: Set<String> = ["40001", "40P01", "53300", "57P01", "57P02", "57P03"]
}
