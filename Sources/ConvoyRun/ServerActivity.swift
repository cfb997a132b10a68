internal import ConvoyMigrations
import ConvoyText

/// What an instance's server is doing for the run, according to PostgreSQL's progress views.
public struct ServerActivity: Sendable, Hashable, Decodable {
    /// As the server names it, for example `CREATE INDEX CONCURRENTLY`.
    public var command: String
    /// The table that it works on; nil if the server does not report one.
    public var relation: String?
    /// Which step of the command, in the server's words, for example `building index: scanning table`.
    public var phase: String
    /// How much of the phase is done, in the server's own unit: blocks, rows, bytes, or sessions waited for.
    public var done: Int64?
    /// The value of ``done`` at the end of the phase; nil if unknown.
    public var total: Int64?

    /// An activity as the server reports it.
    public init(command: String, relation: String? = nil, phase: String, done: Int64? = nil, total: Int64? = nil) {
        self.command = command
        self.relation = relation
        self.phase = phase
        self.done = done
        self.total = total
    }

    /// How much of the phase is done, from 0 to 1; nil if that is not known.
    public var fraction: Double? {
        guard let done, let total, total > 0 else { return nil }
        return min(1, max(0, Double(done) / Double(total)))
    }

    /// Whether it is news after what was reported before: another phase, or a tenth more.
    package func isNews(after last: ServerActivity?) -> Bool {
        guard let last, (command, relation, phase) == (last.command, last.relation, last.phase) else { return true }
        return fraction.map { Int(clamping: $0 * 10) } != last.fraction.map { Int(clamping: $0 * 10) }
    }
}
