package import ConvoyText

/// A fleet file in the making: what `convoy init` found out, written so that the reader accepts it.
///
/// A secret has no place in it: what is secret is a variable of the environment.
package struct FleetDraft: Sendable, Hashable {
    /// A key and its value; a value may hold variables only where it says so.
    package struct Entry: Sendable, Hashable {
        package var key: String
        /// The text of the value.
        package var value: String
        /// Whether `${env:NAME}` in it is a variable.
        package var isTemplate: Bool

        package init(_ key: String, _ value: String, isTemplate: Bool = false) {
            (self.key, self.value, self.isTemplate) = (key, value, isTemplate)
        }

        fileprivate var line: String { "\(key): \(isTemplate ? YAMLText.template(value) : YAMLText.value(value))" }
    }

    /// A server that the instances share.
    package struct Server: Sendable, Hashable {
        package var name: String
        package var entries: [Entry]

        package init(name: String, entries: [Entry]) {
            (self.name, self.entries) = (name, entries)
        }
    }

    /// One instance.
    package struct Instance: Sendable, Hashable {
        package var name: String
        package var entries: [Entry]
        /// The variable with TeslaMate's ENCRYPTION_KEY; nil if it is not known.
        package var encryptionKey: String?
        /// What the operator should know, in one line.
        package var note: String?

        package init(name: String, entries: [Entry], encryptionKey: String? = nil, note: String? = nil) {
            (self.name, self.entries, self.encryptionKey, self.note) = (name, entries, encryptionKey, note)
        }
    }

    /// The fleet's name.
    package var name: String
    /// The directory of the migration set, as the file names it; nil for the installed one, which a file does not name.
    package var migrations: String?
    package var servers: [Server]
    package var instances: [Instance]
    /// Lines for the end of the file: what was found and is not listed.
    package var notes: [String]

    package init(name: String, migrations: String?, servers: [Server] = [], instances: [Instance] = [], notes: [String] = []) {
        (self.name, self.migrations, self.servers, self.instances, self.notes) = (name, migrations, servers, instances, notes)
    }

    /// The variables of the environment that the file needs, in its order.
    package var variables: [String] {
        let entries = servers.flatMap(\.entries) + instances.flatMap(\.entries)
        var names: [String] = []
        for entry in entries where entry.isTemplate { names += Self.variables(in: entry.value) }
        names += instances.compactMap(\.encryptionKey).flatMap(Self.variables)
        var seen: Set<String> = []
        return names.filter { seen.insert($0).inserted }
    }

    /// Those that have no default.
    private static func variables(in text: String) -> [String] {
        guard let template = try? Template(text) else { return [] }
        return template.parts.compactMap { if case .variable(let name, nil) = $0 { name } else { nil } }
    }

    /// The file.
    ///
    /// - Parameter schema: where an editor finds the schema, for the first line.
    package func text(schema: String) -> String {
        var text = Self.heading(name: name, migrations: migrations, schema: schema)
        if !servers.isEmpty {
            text += "\nservers:\n"
            for server in servers {
                text += "  \(server.name):\n"
                for entry in server.entries { text += "    \(entry.line)\n" }
            }
        }
        text += "\ninstances:\n"
        for instance in instances {
            if let note = instance.note { text += "  # \(note.visible)\n" }
            text += "  - name: \(YAMLText.value(instance.name))\n"
            for entry in instance.entries { text += "    \(entry.line)\n" }
            if let key = instance.encryptionKey {
                text += "    secrets:\n      encryption_key: \(YAMLText.template(key))    # TeslaMate's ENCRYPTION_KEY\n"
            }
        }
        if !notes.isEmpty { text += "\n" + notes.map { "# \($0.visible)\n" }.joined() }
        return text + (instances.count > 1 ? Self.rollout : "")
    }

    /// What every file begins with.
    private static func heading(name: String, migrations: String?, schema: String) -> String {
        let set =
            migrations.map { "migrations: \(YAMLText.value($0))    # the migration set, relative to this file" }
            ?? "# migrations: Migrations    # a set of your own; without it, the one that was installed with Convoy"
        return """
            # yaml-language-server: $schema=\(schema)
            # The fleet: which databases it has and how a run goes over them. Every key: convoy help fleet-file
            version: 1
            fleet: \(YAMLText.value(name))
            \(set)

            """
    }

    /// How a run goes over more than one instance: a canary first.
    private static let rollout = """

        rollout:
          waves:
            - {name: canary, count: 1, stop: {failures: 1}}
            - {name: rest, stop: {failure_percent: 10}}

        """

    /// What the reader says about the file, its variables given: nothing, unless a name is one that it refuses.
    package func problems(schema: String) -> [Problem] {
        let environment = Dictionary(variables.map { ($0, "x") }) { first, _ in first }
        do throws(Problems) {
            _ = try FleetFile.read(Array(text(schema: schema).utf8), file: "fleet.yaml", environment: environment)
            return []
        } catch {
            return error.problems.filter { $0.severity == .error }
        }
    }

    /// A name for an instance after something that may have any name: what a name cannot have becomes a hyphen.
    ///
    /// - Parameter taken: the names that other instances have.
    package static func name(after text: String, taken: Set<String>) -> String {
        var name = ""
        for scalar in text.unicodeScalars {
            let isKept = SelectorParser.isKeyCharacter(scalar) && scalar != "/" && (!name.isEmpty || !"._-".unicodeScalars.contains(scalar))
            if isKept { name.unicodeScalars.append(scalar) } else if !name.isEmpty, name.last != "-" { name += "-" }
        }
        name = String(name.prefix(120))
        while name.last == "-" { name.removeLast() }
        if name.isEmpty { name = "instance" }
        if !taken.contains(name) { return name }
        var number = 2
        while taken.contains("\(name)-\(number)") { number += 1 }
        return "\(name)-\(number)"
    }

    /// Whether the fleet file can name a database at all; nil if it can, else why not, in words that follow the name.
    package static func complaint(database: String) -> String? { ConnectionKeywords.complaint("dbname", database) }

    /// A file to begin with, for a person to fill in.
    package static func starter(name: String, migrations: String?, schema: String) -> String {
        heading(name: name, migrations: migrations, schema: schema) + """

            defaults:
              user: teslamate            # the role that owns TeslaMate's tables
              # password: ${env:DATABASE_PASS}   # a variable or ${file:PATH}, never the password itself

            servers:
              main:
                host: localhost          # where PostgreSQL is
                port: 5432

            instances:
              - name: teslamate          # what reports and commands call it
                server: main
                database: teslamate
                # secrets: {encryption_key: "${env:ENCRYPTION_KEY}"}   # TeslaMate's ENCRYPTION_KEY

            # Or find the databases at run time:
            # discover:
            #   - {server: main, databases: "teslamate_*"}

            # A run begins with one instance, and stops if it fails:
            # rollout:
            #   waves:
            #     - {name: canary, count: 1, stop: {failures: 1}}
            #     - {name: rest, stop: {failure_percent: 10}}

            """
    }
}

extension FleetDraft {
    /// Whether the value of a keyword of libpq is a secret.
    package static func isSecret(_ keyword: String) -> Bool { ConnectionKeywords.secrets.contains(keyword) }

    /// Whether the value of a keyword of libpq is the path of a file.
    package static func isPath(_ keyword: String) -> Bool { ConnectionKeywords.paths.contains(keyword) }
}
