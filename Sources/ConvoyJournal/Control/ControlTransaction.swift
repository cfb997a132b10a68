package import ConvoyPostgres
import ConvoyText

/// A transaction under way in a control database. It belongs to the task that ``ControlDatabase/transaction(_:patience:isRepeatable:_:)`` runs in.
///
/// What begins it, what is only added, and the COMMIT go together with other statements, so that a transaction takes as few round trips as it has
/// answers to wait for.
package final class ControlTransaction {
    private let connection: PostgresConnection
    private var timing: ControlDatabase.Timing
    private let access: ControlDatabase.Access
    private var waiting: [PipelineStatement]
    private var isOver = false
    /// For each statement, on the server.
    private var limit: Duration
    /// The statements that the session has parsed, with the names under which it keeps them; nil where it may not keep them.
    private(set) var kept: [String: String]?
    /// Whether it has parsed statements to be kept, or has used such ones.
    private(set) var usesKept = false

    init(
        _ connection: PostgresConnection,
        _ access: ControlDatabase.Access,
        _ timing: ControlDatabase.Timing,
        kept: [String: String]?
    ) {
        self.connection = connection
        self.kept = kept
        self.timing = timing
        self.access = access
        limit = timing.statement
        waiting = [PipelineStatement(access.begin)]
        if access == .calling {
            // Not within the statement that it limits; as a utility statement it is not planned.
            waiting.append(PipelineStatement("SET LOCAL statement_timeout = \(timing.statement.milliseconds)"))
        } else {
            waiting.append(PipelineStatement(Self.settings, [timing.statement.milliseconds.description]))
        }
    }

    /// Lets each statement from here on take longer than others may.
    func allow(_ duration: Duration) {
        add("SELECT set_config('statement_timeout', $1, true), set_config('lock_timeout', $1, true)", [duration.milliseconds.description])
        timing.answer = duration + .seconds(10)
        limit = duration
    }

    /// They hold to the end of the transaction, so that a pooler may hand the session to another client after it. A commit is waited for even
    /// where the database's own setting does not: what is written here must survive a loss of power.
    private static let settings = """
        SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true), pg_catalog.set_config('statement_timeout', $1, true),
            pg_catalog.set_config('lock_timeout', $1, true), pg_catalog.set_config('idle_in_transaction_session_timeout', $1, true), pg_catalog.set_config('default_transaction_deferrable', 'off', true),
            CASE WHEN pg_catalog.current_setting('synchronous_commit') = 'off' THEN pg_catalog.set_config('synchronous_commit', 'on', true) END
        """

    /// Adds a statement whose rows are not needed. It is sent with the next one that is run, or with COMMIT.
    package func add(_ sql: String, _ parameters: [String?] = []) {
        waiting.append(PipelineStatement(sql, parameters))
    }

    /// Has the session parse statements once and keep them, for those that it runs many times. Name all of a transaction before it runs the first, so that
    /// a pooler that mixes sessions fails in the first round trip, before anything is decided.
    func keep(_ texts: [String]) {
        guard let kept else { return }
        usesKept = true
        for text in texts where kept[text] == nil {
            waiting.append(PipelineStatement(text, preparation: .prepares(Self.name(of: text))))
        }
    }

    /// The same text has the same name in every process, so that one that another process has left in a session shows when this one is parsed.
    static func name(of text: String) -> String {
        var hash = FNV1a()
        hash.add(text.utf8)
        return "convoy_\(String(hash.value, radix: 16))"
    }

    /// Runs a statement after those that were added, and returns its rows.
    package func query(_ sql: String, _ parameters: [String?] = []) async throws(ControlError) -> QueryResult {
        guard let result = try await run([PipelineStatement(sql, parameters)]).first else {
            throw .postgres(PostgresError(.unexpectedResult, "the server gave no result"))
        }
        return result
    }

    /// Runs statements after those that were added, all in one round trip.
    ///
    /// - Returns: one result a statement.
    package func run(_ statements: [PipelineStatement]) async throws(ControlError) -> [QueryResult] {
        let (sent, added) = take(statements)
        let begun = ContinuousClock.now
        let results: [PipelineResult]
        do throws(PostgresError) {
            results = try await connection.pipeline(sent, timeout: timing.answer)
        } catch {
            throw .postgres(error)
        }
        note(results, of: sent)
        return Array(try self.results(results, since: begun).dropFirst(added))
    }

    /// Runs statements after those that were added, and commits, all in one round trip. Nothing can be run after it.
    ///
    /// - Returns: one result a statement, without that of COMMIT.
    /// - Throws: ``ControlError/commitUnknown(_:)`` if the connection was lost before COMMIT was answered, and something may have been written.
    @discardableResult
    package func commit(_ statements: [PipelineStatement] = []) async throws(ControlError) -> [QueryResult] {
        let (sent, added) = take(statements + [PipelineStatement("COMMIT")])
        isOver = true
        let begun = ContinuousClock.now
        var answered: [PipelineResult] = []
        do throws(PostgresError) {
            _ = try await connection.pipeline(sent, timeout: timing.answer) { _, result in answered.append(result) }
        } catch {
            // What was answered says more than the loss: an error that came first kept the server from committing.
            let hasFailed = answered.contains { if case .success = $0 { false } else { true } }
            guard hasFailed || answered.count == sent.count else {
                // Nothing was sent at all, or nothing written.
                if access == .reading || error.code == .invalidParameters || (error.code == .connectionLost && !wasOpen) {
                    throw .postgres(error)
                }
                throw .commitUnknown(error)
            }
        }
        note(answered, of: sent)
        return Array(try results(answered, since: begun).dropFirst(added).dropLast())
    }

    /// Remembers what the session has parsed.
    private func note(_ results: [PipelineResult], of sent: [PipelineStatement]) {
        for case (let statement, .success) in zip(sent, results) {
            if case .prepares(let name) = statement.preparation { kept?[statement.sql] = name }
        }
    }

    /// Commits, unless the body has done so.
    func finish() async throws(ControlError) {
        if !isOver { try await commit() }
    }

    /// Ends what is open. A session in which that does not work is closed.
    func rollBack() async {
        isOver = true
        guard connection.isOpen, connection.transactionStatus != .idle else { return }
        _ = try? await connection.query("ROLLBACK", timeout: timing.answer)
        if connection.transactionStatus != .idle { connection.close() }
    }

    /// Whether there was a session when the last statements were handed over.
    private var wasOpen = true

    private func take(_ statements: [PipelineStatement]) -> (sent: [PipelineStatement], added: Int) {
        wasOpen = connection.isOpen
        defer { waiting = [] }
        guard var names = kept else { return (waiting + statements, waiting.count) }
        for statement in waiting {
            if case .prepares(let name) = statement.preparation { names[statement.sql] = name }
        }
        let named = statements.map { statement in
            var statement = statement
            if let name = names[statement.sql] { statement.preparation = .uses(name) }
            return statement
        }
        return (waiting + named, waiting.count)
    }

    private func results(_ results: [PipelineResult], since begun: ContinuousClock.Instant) throws(ControlError) -> [QueryResult] {
        var values: [QueryResult] = []
        for result in results {
            switch result {
            case .success(let value): values.append(value)
            case .failure(let message): throw .server(message, after: .now - begun, limit: limit)
            case .skipped: throw .postgres(PostgresError(.unexpectedResult, "the server skipped a statement"))
            }
        }
        return values
    }
}
