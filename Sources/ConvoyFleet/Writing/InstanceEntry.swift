import ConvoyText

/// An entry of `instances` that is added to a fleet file.
package struct InstanceEntry: Sendable, Hashable {
    package var name: String
    /// The name of a server of the file.
    package var server: String
    package var database: String
    /// Nil for that of the server.
    package var user: String?
    /// As the file has it, with its variables: `${file:passwords/alice}`; nil for that of the server.
    package var password: String?
    package var labels: [String: String]

    package init(
        name: String,
        server: String,
        database: String,
        user: String? = nil,
        password: String? = nil,
        labels: [String: String] = [:]
    ) {
        (self.name, self.server, self.database) = (name, server, database)
        (self.user, self.password, self.labels) = (user, password, labels)
    }

    /// Its lines, the dash of the list included, without an indentation of the list.
    var lines: [String] {
        var keys = ["name: \(YAMLText.value(name))", "server: \(YAMLText.value(server))", "database: \(YAMLText.value(database))"]
        if let user { keys.append("user: \(YAMLText.value(user))") }
        if let password { keys.append("password: \(YAMLText.template(password))") }
        if !labels.isEmpty {
            let pairs = labels.sorted { $0.key < $1.key }.map { "\(YAMLText.value($0.key)): \(YAMLText.value($0.value))" }
            keys.append("labels: {\(pairs.joined(separator: ", "))}")
        }
        return keys.enumerated().map { ($0 == 0 ? "- " : "  ") + $1 }
    }

    /// The entry as it stands under `instances`, with the usual indentation.
    package var text: String { lines.map { "  \($0)\n" }.joined() }
}
