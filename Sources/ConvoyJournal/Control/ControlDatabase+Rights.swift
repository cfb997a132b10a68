import ConvoyPostgres
package import ConvoyRun
import ConvoyText

extension ControlSchema {
    /// What a role needs to work with the tables, and nothing more: neither to own them nor to create anything.
    ///
    /// - Parameter role: its name.
    static func grants(to role: String) -> [String] {
        let role = "\"" + role.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
        return [
            "GRANT USAGE ON SCHEMA \(name) TO \(role)",
            "GRANT SELECT ON \(name).schema_migrations TO \(role)",
            // Where the database's default privileges do not give it to all.
            "GRANT EXECUTE ON FUNCTION \(functions.map { "\(name).\($0)" }.joined(separator: ", ")) TO \(role)",
            "GRANT \(rights) ON \(tables.map { "\(name).\($0)" }.joined(separator: ", ")) TO \(role)",
        ]
    }

    /// What every process needs on each table.
    static let rights = "SELECT, INSERT, UPDATE, DELETE"

    /// The functions that every process may call.
    private static let functions = ["append_events", "open_decision", "write_decision"]

    /// The tables that every process reads and writes.
    private static let tables = ["runs", "events", "requests", "locks", "removed_totals", "workers", "assignments", "refusals"]
}

extension ControlDatabase {
    /// What a role says that has not all rights on a table.
    ///
    /// - Parameter table: one of ``ControlSchema/tables``.
    func missingRight(_ error: ControlError, on table: String) async -> JournalError {
        let problem = error.journalError(place)
        let row = try? await rows("SELECT quote_ident(current_user) AS role", patience: .zero).first
        let role = row?.value("role")?.prefix(bytes: 300).visible ?? "the role of `control:`"
        return JournalError(
            path: place,
            message: problem.message,
            hint: "as the owner of the tables: GRANT \(ControlSchema.rights) ON \(ControlSchema.name).\(table) TO \(role)"
        )
    }

    /// Gives a role what it needs to work with the tables. Only the role that owns them can.
    package func grant(to role: String) async throws(JournalError) {
        do throws(ControlError) {
            try await transaction { transaction throws(ControlError) in
                for statement in ControlSchema.grants(to: role.storable) { transaction.add(statement) }
            }
        } catch {
            if case .postgres(let problem) = error, problem.sqlstate == "42704" {
                throw JournalError(path: place, message: "there is no role \(role.visible)", hint: "create it with CREATE ROLE … LOGIN")
            }
            throw error.journalError(place)
        }
    }
}
