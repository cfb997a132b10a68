/// What a server may send on one session before the session is closed: tenants write its notices and rows, and a server can lie.
///
/// The limits are far above what Convoy's own queries and the migrations of a sound database need. A session that passes one ends with
/// ``PostgresError/Code-swift.enum/overBudget``; the other sessions of the process feel nothing of it.
package struct SessionBudget: Sendable, Hashable {
    /// Notices and warnings that are kept between two calls of ``PostgresConnection/takeNotices()``; the rest is counted. Default: 50.
    package var keptNotices = 50
    /// Rows that the results of one pipeline may hold. Default: 100,000.
    package var rows = 100_000
    /// Bytes that the results of one pipeline may take in memory. Default: 8 MiB.
    package var resultBytes = 8 << 20
    /// Bytes that may come without a result or a row: one message, or any number of notices. Default: 4 MiB.
    ///
    /// libpq holds a message in memory until it is complete.
    package var bytesWithoutResult = 4 << 20
    /// Bytes of rows that are read and dropped in one pipeline, for statements that do not keep theirs. Default: 256 MiB.
    package var droppedBytes = 256 << 20
    /// Bytes that may come before the session is ready, TLS included. Default: 128 KiB.
    package var connectingBytes = 128 << 10

    package init() {}

    /// How much is read before the budget and the clock are checked again.
    static let bytesPerTurn = 64 << 10
}
