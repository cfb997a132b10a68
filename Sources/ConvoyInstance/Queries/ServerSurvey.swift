import ConvoyFleet
package import ConvoyPostgres

/// What the databases of a server are, as far as a login may see: which of them have a ledger.
package struct ServerSurvey: Sendable {
    /// One database of the server.
    package struct Database: Sendable, Hashable {
        package var name: String
        package var finding: Finding
    }

    /// What was found in a database.
    package enum Finding: Sendable, Hashable {
        /// It has a table `schema_migrations`, which belongs to this role.
        case ledger(owner: String)
        case noLedger
        /// No session could be opened, for this reason.
        case closed(String)
    }

    /// All databases that accept connections, in the order of their names.
    package var databases: [Database]

    private static let databasesAtOnce = 8

    /// Every name says its schema, whatever the search path of the database is.
    private static let query = """
        SELECT pg_catalog.pg_get_userbyid(c.relowner)::pg_catalog.text AS owner
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
        WHERE c.relname OPERATOR(pg_catalog.=) '\(Ledger.tableName)'::pg_catalog.name
            AND (c.relkind OPERATOR(pg_catalog.=) 'r'::pg_catalog."char" OR c.relkind OPERATOR(pg_catalog.=) 'p'::pg_catalog."char")
        ORDER BY n.nspname OPERATOR(pg_catalog.<>) 'public'::pg_catalog.name LIMIT 1
        """

    /// Asks a server for its databases, then each of them for its ledger, with one session each and several at a time. It changes nothing.
    ///
    /// - Parameters:
    ///   - parameters: how to reach the server; the database in them is the one that is asked for the list.
    ///   - timeout: the limit of each connection and of each answer.
    package static func take(_ parameters: ConnectionParameters, timeout: Duration) async throws(PostgresError) -> ServerSurvey {
        let names = try await PostgresConnection.connect(parameters, timeout: timeout).texts("name", Discovery.query, timeout: timeout)
        let databases = await withTaskGroup(of: (Int, Database).self) { group in
            var databases: [(Int, Database)] = []
            for (index, name) in names.enumerated() {
                if index >= databasesAtOnce, let done = await group.next() { databases.append(done) }
                group.addTask { (index, await look(into: name, parameters, timeout)) }
            }
            for await done in group { databases.append(done) }
            return databases.sorted { $0.0 < $1.0 }.map(\.1)
        }
        return ServerSurvey(databases: databases)
    }

    private static func look(into name: String, _ parameters: ConnectionParameters, _ timeout: Duration) async -> Database {
        var parameters = parameters
        parameters["dbname"] = name
        do throws(PostgresError) {
            let owners = try await PostgresConnection.connect(parameters, timeout: timeout).texts("owner", query, timeout: timeout)
            return Database(name: name, finding: owners.first.map { .ledger(owner: $0) } ?? .noLedger)
        } catch {
            return Database(name: name, finding: .closed(error.description))
        }
    }
}

extension PostgresConnection {
    /// One column of a query's rows; the session ends afterwards.
    fileprivate func texts(_ column: String, _ query: String, timeout: Duration) async throws(PostgresError) -> [String] {
        defer { close() }
        var texts: [String] = []
        for row in try await self.query(query, timeout: timeout).rows { texts.append(try row.text(column)) }
        return texts
    }
}
