public import ConvoyMigrations
public import ConvoyPostgres

/// A discovery that found nothing out, because its server could not be asked.
public struct DiscoveryFailure: Error, Sendable {
    public var discovery: Discovery
    public var error: PostgresError

    public init(discovery: Discovery, error: PostgresError) {
        self.discovery = discovery
        self.error = error
    }
}

/// All instances of a fleet at one moment: those that the file lists, then those found.
public struct DiscoveredFleet: Sendable {
    public var instances: [Instance]
    /// Servers that could not be asked; the instances there that the file lists are in ``instances`` all the same.
    public var failures: [DiscoveryFailure]
    /// How many databases fit a pattern and are left out, because their names are none.
    public var leftOut: Int
    /// What the operator should know of names and patterns, of severity `warning`.
    public var warnings: [Problem]

    public init(instances: [Instance], failures: [DiscoveryFailure] = [], leftOut: Int = 0, warnings: [Problem] = []) {
        self.instances = instances
        self.failures = failures
        self.leftOut = leftOut
        self.warnings = warnings
    }

    /// Whether the instances are all that the fleet has.
    public var isComplete: Bool { failures.isEmpty && leftOut == 0 }
}

extension Fleet {
    /// How many servers are asked at a time.
    private static let discoveriesAtOnce = 16

    /// Asks the servers of ``discoveries`` for their databases, several at a time and with one session each.
    ///
    /// - Throws: names that two databases would share. A server that cannot be asked is a value in the result.
    public func discover() async throws(Problems) -> DiscoveredFleet {
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

    /// The listed instances and those found. A database that is listed, or found before, is not added again under another name; so that this also
    /// holds for `localhost` and `127.0.0.1`, spellings of one host count as the same here.
    ///
    /// - Throws: names that two databases would share.
    package func merging(_ found: [(discovery: Discovery, instances: [Instance])]) throws(Problems) -> [Instance] {
        var merged = instances
        var targets = Set(instances.compactMap(\.target?.normalised))
        // Every name is in normal form C, so that two that are equal have the same bytes.
        var owners = Dictionary(instances.map { ($0.name, $0) }) { first, _ in first }
        var problems: [Problem] = []
        for (discovery, instances) in found {
            for instance in instances {
                if let target = instance.target?.normalised, !targets.insert(target).inserted { continue }
                if let owner = owners[instance.name] {
                    problems.append(
                        Problem(
                            file: file,
                            line: discovery.line,
                            "database “\(instance.database)” of server `\(instance.server)` gets the name `\(instance.name)`, which “\(owner.database)” of `\(owner.server)` has",
                            hint: "give the entry a `name` such as \"{server}-{database}\", or leave the database out with `exclude`"
                        )
                    )
                    continue
                }
                owners[instance.name] = instance
                merged.append(instance)
            }
        }
        guard problems.isEmpty else { throw Problems(problems) }
        return merged
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
    public func find() async -> Result<[String], PostgresError> {
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
