import ConvoyMigrations
import ConvoyPostgres
package import ConvoyText

extension Discovery {
    /// What the patterns make of a server's databases.
    package struct Sorted {
        package var instances: [Instance] = []
        /// Databases that fit and have no name that an instance can have, with what is wrong with it.
        package var leftOut: [(database: String, complaint: String)] = []
        /// Instances whose name is not that of their database, because it is not in normal form C.
        var writtenOut: [Instance] = []
        /// Patterns that fit no database of the server.
        var idle: [(key: String, pattern: Glob, nearest: String?)] = []
        fileprivate var entry: Discovery
    }

    /// The instances that a server's databases make, in the order of the databases.
    package func instances(among databases: [String]) -> [Instance] { sorted(databases).instances }

    /// What all of a server's databases make.
    package func sorted(_ databases: [String]) -> Sorted { sorted(databases, listed: []) }

    /// - Parameter listed: databases that the fleet file lists, which have their names there.
    package func sorted(_ databases: [String], listed: Set<DatabaseTarget>) -> Sorted {
        var sorted = Sorted(entry: self)
        var idleExcludes = Set(exclude.indices)
        var isIdle = true
        for database in databases {
            let excluding = exclude.indices.filter { exclude[$0].matches(database) }
            idleExcludes.subtract(excluding)
            guard self.databases.matches(database) else { continue }
            isIdle = false
            guard excluding.isEmpty else { continue }
            let name = name(of: database)
            let instance = instance(database, named: name.isInNormalForm ? name : name.writtenInASCII)
            if let complaint = DiscoveredName.complaint(database) ?? DiscoveredName.complaint(name),
                instance.target.map({ !listed.contains($0.normalised) }) ?? true
            {
                sorted.leftOut.append((database, complaint))
                continue
            }
            sorted.instances.append(instance)
            if !name.isInNormalForm { sorted.writtenOut.append(instance) }
        }
        func note(_ key: String, _ pattern: Glob) {
            sorted.idle.append((key, pattern, nearestWord(to: pattern.pattern, among: databases)))
        }
        if isIdle { note("databases", self.databases) }
        for index in exclude.indices where idleExcludes.contains(index) { note("exclude", exclude[index]) }
        return sorted
    }

    private func name(of database: String) -> String {
        Placeholders.fill(nameTemplate) { word in
            switch word {
            case "database": database
            case "server": server
            default: "{\(word)}"
            }
        }
    }

    private func instance(_ database: String, named name: String) -> Instance {
        func filled(_ parameters: ConnectionParameters?) -> ConnectionParameters? {
            guard var parameters else { return nil }
            parameters["dbname"] = database
            return parameters
        }
        var connection = template.connection
        connection["dbname"] = database
        return Instance(
            name: name,
            server: server,
            database: database,
            labels: template.labels,
            connection: connection,
            admin: filled(template.admin),
            direct: filled(template.direct),
            secrets: template.secrets,
            lateSecrets: template.lateSecrets,
            settings: template.settings
        )
    }
}

extension Discovery.Sorted {
    /// A name on one line, with everything that a terminal would obey written out: a tenant's line break must not begin a line of ours.
    private static func shown(_ name: String) -> String {
        name.unicodeScalars.reduce(into: "") { $0 += $1 == "\n" ? "\\n" : $1.isObeyedByTerminals ? $1.writtenOut : String($1) }
    }

    /// A tenant may make thousands of databases; the first ones show what is wrong.
    private static let shownNames = 10

    /// What the operator should know, at the entry's place in the file.
    package func warnings(_ file: String) -> [Problem] {
        func warning(_ message: String, hint: String) -> Problem {
            Problem(.warning, file: file, line: entry.line, message, hint: hint)
        }
        var warnings: [Problem] = []
        for (database, complaint) in leftOut.prefix(Self.shownNames) {
            warnings.append(
                warning(
                    "database “\(Self.shown(database))” of server `\(entry.server)` is left out: its name \(complaint)",
                    hint: "list it under `instances` with a `name`, or exclude it with `exclude`"
                )
            )
        }
        if leftOut.count > Self.shownNames {
            warnings.append(
                warning(
                    "\(leftOut.count) databases of server `\(entry.server)` are left out because of their names; these were the first \(Self.shownNames)",
                    hint: "list them under `instances`, or exclude them with `exclude`"
                )
            )
        }
        for instance in writtenOut.prefix(Self.shownNames) {
            warnings.append(
                warning(
                    "database “\(instance.database)” of server `\(entry.server)` looks like one with other characters in its name",
                    hint: "its instance is called \(Selector.quoted(instance.name)) here; under `instances` it can have another `name`"
                )
            )
        }
        for (key, pattern, nearest) in idle {
            let suggestion = nearest.map { "did you mean “\($0)”?" } ?? "change the pattern, or remove it"
            warnings.append(warning("`\(key)` has “\(pattern)”, which matches no database of server `\(entry.server)`", hint: suggestion))
        }
        return warnings
    }
}
