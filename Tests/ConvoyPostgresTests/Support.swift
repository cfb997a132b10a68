import ConvoyPostgres
import Synchronization
import TestSupport
import Testing

/// Opens a session; with more time than a busy machine needs.
func session(
    _ parameters: ConnectionParameters,
    applicationName: String = "convoy-tests",
    timeout: Duration = .seconds(60)
) async throws(PostgresError) -> PostgresConnection {
    try await PostgresConnection.connect(parameters, applicationName: applicationName, timeout: timeout)
}

/// Runs the body and returns the error that it must throw.
func failure(
    sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () async throws -> Void
) async throws -> PostgresError {
    do {
        try await body()
    } catch let error as PostgresError {
        return error
    }
    Issue.record("no error was thrown", sourceLocation: sourceLocation)
    throw PostgresError(.unexpectedResult, "no error was thrown")
}

extension PipelineResult {
    /// The text of the first row's only column; nil for anything else.
    var value: String? {
        guard case .success(let result) = self, let column = result.columns.first, let row = result.rows.first else { return nil }
        return try? row.optionalText(column)
    }

    var sqlstate: String? {
        guard case .failure(let message) = self else { return nil }
        return message.sqlstate
    }

    var isSkipped: Bool {
        guard case .skipped = self else { return false }
        return true
    }
}

extension ConnectionParameters {
    /// With some values replaced.
    func with(_ values: [String: String]) -> ConnectionParameters { overridden(by: ConnectionParameters(values)) }
}

/// A name for a session that no other test uses.
func uniqueApplicationName() -> String { "test-\(UInt32.random(in: 0...UInt32.max))" }
