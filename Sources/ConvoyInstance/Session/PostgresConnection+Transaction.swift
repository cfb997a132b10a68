import ConvoyIO
import ConvoyPostgres

extension PostgresConnection {
    /// Ends the session. Behind a pooler the server's part of it lives on and goes to the next client, so what Convoy has set and prepared there is
    /// discarded first.
    ///
    /// - Parameter serverPID: the process that answers; a pooler reports another one when the session begins.
    func end(serverPID: Int32?) async {
        if isOpen, transactionStatus == .idle, let serverPID, serverPID != backendPID {
            cancellation = .ignored
            _ = try? await query("DISCARD ALL", timeout: .seconds(5))
        }
        close()
    }

    func query(_ statement: PipelineStatement, timeout: Duration?) async throws(PostgresError) -> QueryResult {
        try await query(statement.sql, statement.parameters, timeout: timeout)
    }

    /// Runs statements that end with COMMIT; throws the first error of the server after rolling back.
    @discardableResult
    func transaction(_ statements: [PipelineStatement]) async throws(PostgresError) -> [QueryResult] {
        let results = try await pipeline(statements, timeout: InstanceProbe.silenceTimeout)
        if transactionStatus != .idle { try await query("ROLLBACK", timeout: InstanceProbe.silenceTimeout) }
        return try results.map { result throws(PostgresError) in try result.get() }
    }
}
