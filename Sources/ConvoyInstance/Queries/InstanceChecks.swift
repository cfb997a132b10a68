package import ConvoyFleet
internal import ConvoyMigrations
import ConvoyPostgres
package import ConvoyRun
import ConvoyText

/// Health checks of an instance, run as the ledger's owner in read-only transactions on one connection.
package struct InstanceChecks: Sendable {
    let checks: [Check]

    package init(checks: [Check]) {
        self.checks = checks
    }

    /// Asks every check.
    ///
    /// - Returns: nil if all hold; else why the first one does not, and in its detail which others do not. It is ``Outcome/checkFailed``, or
    ///   ``Outcome/unreachable`` if nothing could be asked, or ``Outcome/interrupted``.
    package func failure(on instance: Instance) async -> Failure? {
        guard !checks.isEmpty else { return nil }
        do throws(Failure) {
            let probe = InstanceProbe(instance: instance)
            let connection = try await probe.connect()
            defer { connection.close() }
            let reading = try await probe.read(connection)
            guard reading.mayWork else {
                throw Failure(
                    .blocked,
                    "role \(reading.facts.role) may read the ledger only: it is no member of \(reading.ledger.owner), which owns it",
                    sqlstate: "42501",
                    hint: "log in as \(reading.ledger.owner), or as a role that is a member of \(reading.ledger.owner) only"
                )
            }
            let opening = Self.opening(reading, instance.settings, on: connection)
            var first: Failure?
            var others: [String] = []
            for check in checks {
                guard let failure = try await self.failure(of: check, opening, connection, instance.settings) else { continue }
                if first == nil { first = failure } else { others.append(check.name) }
            }
            guard var first else { return nil }
            if !others.isEmpty {
                let more = "these checks failed too: " + others.joined(separator: ", ")
                first.detail = first.detail.map { "\($0); \(more)" } ?? more
            }
            return first
        } catch {
            var failure = error
            guard failure.kind != .interrupted else { return failure }
            failure.message = "its checks could not be asked: \(failure.message)"
            if ![.unreachable, .unprovisioned, .blocked].contains(failure.kind) { failure.kind = .checkFailed }
            return failure
        }
    }

    /// Begins a transaction in which names mean what they mean for the app.
    private static func opening(_ reading: InstanceProbe.Reading, _ settings: InstanceSettings, on connection: PostgresConnection)
        -> [PipelineStatement]
    {
        [PipelineStatement("BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY")] + OwnIdentity.localResets
            + OwnIdentity.withoutTransactionTimeout(serverVersion: connection.serverVersion)
            + reading.facts.settingRole(for: reading.ledger) + [
                PipelineStatement(
                    """
                    SELECT pg_catalog.set_config('search_path', $1, true), pg_catalog.set_config('statement_timeout', $2, true),
                        pg_catalog.set_config('lock_timeout', $3, true)
                    """,
                    [reading.ledger.searchPath, "\(InstanceProbe.queryTimeout.milliseconds)ms", "\(settings.lockTimeout.milliseconds)ms"]
                )
            ]
    }

    /// - Throws: what ends all checks: the connection was lost, or the task cancelled.
    private func failure(
        of check: Check,
        _ opening: [PipelineStatement],
        _ connection: PostgresConnection,
        _ settings: InstanceSettings
    ) async throws(Failure) -> Failure? {
        // Through a cursor, so that a query with a million rows sends two.
        let asking = [
            PipelineStatement("DECLARE convoy_check NO SCROLL CURSOR FOR \(check.sql)"), PipelineStatement("FETCH 2 FROM convoy_check"),
        ]
        do throws(PostgresError) {
            let results = try await connection.pipeline(opening + asking, timeout: InstanceProbe.silenceTimeout)
            if connection.transactionStatus != .idle { try await connection.query("ROLLBACK", timeout: InstanceProbe.silenceTimeout) }
            for result in results.dropLast(2) { _ = try result.get() }
            for case .failure(let message) in results.suffix(2) {
                // The server was faster to stop than the call to end.
                if message.sqlstate == "57014", Task.isCancelled { throw PostgresError(.cancelled, "cancelled") }
                return Self.failure(of: check, message, settings)
            }
            guard let problem = check.problem(with: try results[results.count - 1].get(), showingRows: settings.showsRowDetails) else {
                return nil
            }
            return Failure(.checkFailed, "check \(check.name): \(problem)", hint: Self.hint)
        } catch {
            throw Failure(error, doing: "asking check \(check.name)", settings: settings)
        }
    }

    private static let hint = "check this database; if it is healthy, correct the health check in the fleet file"

    private static func failure(of check: Check, _ message: ServerMessage, _ settings: InstanceSettings) -> Failure {
        var failure = Failure(.checkFailed, server: message, settings: settings)
        failure.message = "check \(check.name): \(failure.message)"
        failure.hint = failure.hint ?? Self.hint
        return failure
    }
}

extension Check {
    /// Why an answer is not the one that is wanted; nil if it is.
    ///
    /// - Parameter showingRows: whether any text may be shown. Otherwise only values that cannot be personal data are: a truth value, a
    ///   number.
    func problem(with result: QueryResult, showingRows: Bool) -> String? {
        guard result.columns.count == 1 else { return "it must give one column, not \(result.columns.count)" }
        guard result.rows.count == 1, let row = result.rows.first else {
            return "it must give one row, not \(result.rows.isEmpty ? "none" : "several")"
        }
        // The column is there.
        let value = try? row.optionalText(result.columns[0])
        guard value != expect ?? "t" else { return nil }
        let given = Self.shown(value, showingRows) ?? "another text"
        guard let expect else { return given == "another text" ? "it must give true or false" : "it gave \(given) where true is wanted" }
        return "it gave \(given) where \(Self.shown(expect, showingRows) ?? "the text of `expect`") is wanted"
    }

    private static func shown(_ value: String?, _ showingRows: Bool) -> String? {
        switch value {
        case nil: return "NULL"
        case "t": return "true"
        case "f": return "false"
        case let value?:
            if value.utf8.count <= 20, Double(value) != nil { return value }
            return showingRows ? "“\(value.prefix(100))”" : nil
        }
    }
}
