internal import CReadLimit
import ConvoyText

/// Counts and limits what comes in on a session's socket: libpq reports a message only when all of it is in memory, and continues to read
/// while more comes.
struct Inflow {
    /// Bytes since the last result or row.
    private(set) var bytes = 0

    /// Runs what may read from the socket: it gets at most ``SessionBudget/bytesPerTurn``, and finds nothing more there. The caller can
    /// then check the budget and the clock.
    mutating func reading<Value>(_ body: () -> Value) -> Value {
        convoy_read_limit_begin(SessionBudget.bytesPerTurn)
        let value = body()
        bytes += Int(clamping: convoy_read_limit_end())
        return value
    }

    /// A result or a row is there, so libpq's buffer holds little else.
    mutating func receivedResult() {
        bytes = 0
    }
}
