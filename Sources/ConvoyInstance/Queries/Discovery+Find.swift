package import ConvoyFleet
package import ConvoyPostgres
package import ConvoyText

extension Fleet {
    /// How many servers are asked at a time.
    private static let discoveriesAtOnce = 16

    /// Asks the servers of ``discoveries`` for their databases, several at a time and with one session each.
    ///
    /// - Throws: names that two databases would share. A server that cannot be asked is a value in the result.
    package func discover() async throws(Problems) -> DiscoveredFleet {
        guard !discoveries.isEmpty else { return DiscoveredFleet(instances: instances) }
        let discoveries = discoveries
        let results = await withTaskGroup(of: (Int, Result<[String], PostgresError>).self) { group in
            var results: [Result<[String], PostgresError>?] = Array(repeating: nil, count: discoveries.count)
            for (index, discovery) in discoveries.enumerated() {
                if index >= Self.discoveriesAtOnce, let (done, result) = await group.next() { results[done] = result }
                group.addTask { (index, await discovery.find()) }
            }
            for await (done, result) in group { results[done] = result }
            return results
        }
        var found: [(Discovery, [Instance])] = []
        var discovered = DiscoveredFleet(instances: [])
        // A database that the file lists has a name already.
        let listed = Set(instances.compactMap(\.target?.normalised))
        for (discovery, result) in zip(discoveries, results) {
            switch result {
            case .success(let databases):
                let sorted = discovery.sorted(databases, listed: listed)
                found.append((discovery, sorted.instances))
                discovered.leftOut += sorted.leftOut.count
                discovered.warnings += sorted.warnings(file)
            case .failure(let error): discovered.failures.append(DiscoveryFailure(discovery: discovery, error: error))
            case nil: break
            }
        }
        discovered.instances = try merging(found)
        discovered.warnings += rolloutWarnings(discovered)
        return discovered
    }
}

extension Discovery {
    /// Databases that accept connections; one whose `DROP DATABASE` was interrupted has the limit -2. Every name says its schema, whatever the search
    /// path of the database that is asked in.
    static let query = """
        SELECT datname::pg_catalog.text AS name FROM pg_catalog.pg_database
        WHERE datallowconn AND NOT datistemplate AND datconnlimit OPERATOR(pg_catalog.<>) -2
        ORDER BY datname::pg_catalog.text COLLATE pg_catalog."C"
        """

    /// Asks the server for its databases, within the template's connect time-out for the session and again for the answer.
    package func find() async -> Result<[String], PostgresError> {
        var parameters = template.direct ?? template.connection
        parameters["dbname"] = maintenanceDatabase
        do throws(PostgresError) {
            let connection = try await PostgresConnection.connect(parameters, timeout: template.settings.connectTimeout)
            defer { connection.close() }
            var names: [String] = []
            for row in try await connection.query(Self.query, timeout: template.settings.connectTimeout).rows {
                names.append(try row.text("name"))
            }
            return .success(names)
        } catch {
            return .failure(error)
        }
    }
}
