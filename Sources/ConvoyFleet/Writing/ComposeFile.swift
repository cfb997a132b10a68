import ConvoyMigrations
package import ConvoyText

/// What a Docker Compose file says about TeslaMate's databases.
///
/// No value of the file is taken for a secret's: a password and a key that stand in it become variables.
package struct ComposeFile: Sendable {
    /// A TeslaMate service and its database.
    package struct Service: Sendable, Hashable {
        /// The service's name.
        package var name: String
        /// TeslaMate's variables as the fleet file writes them: `DATABASE_HOST`, `DATABASE_NAME`, …
        var values: [String: Value]
    }

    /// A value of a service's environment.
    struct Value: Sendable, Hashable {
        var text: String
        /// Whether it is a variable of the fleet file, such as `${env:DATABASE_PASS}`.
        var isTemplate: Bool
    }

    /// The services that run TeslaMate, in the file's order, one for each database.
    package private(set) var services: [Service] = []
    /// Ports of other services that this machine can reach, by service: the address and the port.
    private var published: [String: (host: String, port: String)] = [:]

    /// The variables of TeslaMate that lead to its database.
    private static let variables = ["DATABASE_HOST", "DATABASE_PORT", "DATABASE_NAME", "DATABASE_USER", "DATABASE_PASS", "ENCRYPTION_KEY"]
    private static let secrets: Set<String> = ["DATABASE_PASS", "ENCRYPTION_KEY"]

    /// Reads a Compose file.
    ///
    /// - Throws: the problem that keeps it from being read, or that it has no service that runs TeslaMate.
    package init(_ bytes: [UInt8], file: String) throws(Problem) {
        let result: Result<YAMLNode, Problem> = bytes.withUnsafeBufferPointer { bytes in
            Result { () throws(Problem) in try YAMLReader.read(bytes, file: file).node }
        }
        let top: YAMLNode
        do {
            top = try result.get()
        } catch {
            let isShared = error.message.hasPrefix("aliases") || error.message.hasPrefix("merge keys")
            guard isShared else { throw error }
            throw Problem(
                file: file,
                line: error.line,
                error.message,
                hint: "`docker compose config --no-interpolate > plain.yaml` writes the file without them: read that one"
            )
        }
        let listed = top["services"]?.pairs ?? []
        for (name, service) in listed {
            if let port = Self.publishedPort(service["ports"]) { published[name] = port }
        }
        let candidates = listed.filter { Self.runsTeslaMate($0.value) }
        for (name, service) in candidates {
            let found = Self.values(of: service, named: name, isOnly: candidates.count == 1)
            let isKnown = services.contains {
                $0.values["DATABASE_HOST"] == found["DATABASE_HOST"] && $0.values["DATABASE_NAME"] == found["DATABASE_NAME"]
            }
            if !found.isEmpty, !isKnown { services.append(Service(name: name, values: found)) }
        }
        guard services.isEmpty else { return }
        throw Problem(
            file: file,
            listed.isEmpty ? "this is not a Docker Compose file: it has no `services`" : "no service of this file runs TeslaMate",
            hint: "name the Compose file whose TeslaMate service has DATABASE_HOST and DATABASE_NAME"
        )
    }

    /// Grafana's service has the same variables of the database.
    private static func runsTeslaMate(_ service: YAMLNode) -> Bool {
        let image = service["image"]?.scalar ?? ""
        if image.contains("grafana") { return false }
        if image.contains("teslamate") { return true }
        let names = Set(environment(service).map(\.name))
        return names.contains("DATABASE_NAME") && !names.isDisjoint(with: ["ENCRYPTION_KEY", "MQTT_HOST", "DISABLE_MQTT"])
    }

    /// The environment in list or map form; a nil value is passed on from the environment of Compose.
    private static func environment(_ service: YAMLNode) -> [(name: String, value: String?)] {
        switch service["environment"]?.content {
        case .mapping: return service["environment"]?.pairs.map { ($0.key, $0.value.scalar) } ?? []
        case .sequence(let items):
            return items.compactMap(\.scalar).map { item in
                let parts = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
                return (parts[0], parts.count == 2 ? parts[1] : nil)
            }
        default: return []
        }
    }

    private static func values(of service: YAMLNode, named name: String, isOnly: Bool) -> [String: Value] {
        let environment = Dictionary(environment(service).map { ($0.name, $0.value) }) { $1 }
        let hasFile = service["env_file"] != nil
        var values: [String: Value] = [:]
        for variable in variables {
            let given = environment[variable]
            if let text = given ?? nil {
                if secrets.contains(variable), let name = onlyVariable(text) {
                    // Without its default, which would be a secret.
                    values[variable] = Value(text: "${env:\(name)}", isTemplate: true)
                } else if !secrets.contains(variable), let value = converted(text) {
                    values[variable] = value
                } else {
                    // A secret in the file, or a form that only Compose knows.
                    values[variable] = Value(text: "${env:\(own(variable, of: name, isOnly: isOnly))}", isTemplate: true)
                }
            } else if given != nil || hasFile && variable != "DATABASE_PORT" {
                values[variable] = Value(text: "${env:\(variable)}", isTemplate: true)
            }
        }
        return values
    }

    /// The variable for a value that must not stand in the fleet file. With several services each needs one of its own.
    private static func own(_ variable: String, of service: String, isOnly: Bool) -> String {
        if isOnly { return variable }
        let prefix = String(service.uppercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
        return (prefix.first?.isNumber == true ? "_" : "") + "\(prefix)_\(variable)"
    }

    /// The variable that a whole value is; nil if something stands beside it.
    private static func onlyVariable(_ text: String) -> String? {
        guard let value = converted(text), value.isTemplate, let template = try? Template(value.text), template.parts.count == 1,
            case .variable(let name, _)? = template.parts.first
        else { return nil }
        return name
    }

    /// Compose's `$NAME`, `${NAME}`, `${NAME:-default}` and `${NAME:?message}` as the fleet file writes them; nil for a form that it cannot have.
    private static func converted(_ text: String) -> Value? {
        var result = ""
        var isTemplate = false
        var rest = Substring(text)
        while let character = rest.first {
            rest = rest.dropFirst()
            guard character == "$" else {
                result.append(character)
                continue
            }
            if rest.first == "$" {
                rest = rest.dropFirst()
                result += "$$"
                continue
            }
            let isBraced = rest.first == "{"
            if isBraced { rest = rest.dropFirst() }
            let name = rest.prefix { $0 == "_" || $0.isASCII && ($0.isLetter || $0.isNumber) }
            rest = rest.dropFirst(name.count)
            guard let first = name.first, !first.isNumber else { return nil }
            var fallback: Substring?
            if isBraced {
                guard let end = rest.firstIndex(of: "}") else { return nil }
                let modifier = rest[..<end]
                rest = rest[rest.index(after: end)...]
                if modifier.hasPrefix(":-") {
                    fallback = modifier.dropFirst(2)
                } else if modifier.hasPrefix("-") {
                    fallback = modifier.dropFirst()
                }
                guard fallback != nil || modifier.isEmpty || modifier.hasPrefix(":?") || modifier.hasPrefix("?") else { return nil }
                if let fallback, fallback.contains(where: { "${}".contains($0) }) { return nil }
            }
            isTemplate = true
            result += "${env:\(name)\(fallback.map { ":-\($0)" } ?? "")}"
        }
        // Without a variable it is plain text, whose dollar signs are doubled when it is written.
        return isTemplate ? Value(text: result, isTemplate: true) : Value(text: result.replacing("$$", with: "$"), isTemplate: false)
    }

    /// Where this machine reaches PostgreSQL's port of a service: the first of `5432:5432`, `127.0.0.1:5433:5432`.
    private static func publishedPort(_ ports: YAMLNode?) -> (host: String, port: String)? {
        for item in ports?.items ?? [] {
            if let target = item["target"]?.scalar, target == "5432", let port = item["published"]?.scalar, isPort(port) {
                return (address(item["host_ip"]?.scalar ?? ""), port)
            }
            guard let text = item.scalar else { continue }
            let parts = (text.split(separator: "/").first ?? "").split(separator: ":").map(String.init)
            guard parts.count >= 2, parts.count <= 3, parts.last == "5432", isPort(parts[parts.count - 2]) else { continue }
            return (address(parts.count == 3 ? parts[0] : ""), parts[parts.count - 2])
        }
        return nil
    }

    private static func isPort(_ text: String) -> Bool { Int(text).map { (1...65535).contains($0) } ?? false }

    private static func address(_ text: String) -> String { ["", "0.0.0.0", "127.0.0.1"].contains(text) ? "localhost" : text }
}

// MARK: - As a fleet

extension ComposeFile {
    /// The fleet of these services.
    ///
    /// - Parameter name: the fleet's name.
    package func draft(name: String, migrations: String?) -> FleetDraft {
        var draft = FleetDraft(name: name, migrations: migrations)
        var taken: Set<String> = []
        for service in services {
            let instance = instance(service, taken: taken)
            taken.insert(instance.name)
            draft.instances.append(instance)
        }
        return draft
    }

    private func instance(_ service: Service, taken: Set<String>) -> FleetDraft.Instance {
        var entries: [FleetDraft.Entry] = []
        var note: String?
        func add(_ key: String, _ variable: String, fallback: String? = nil) {
            if let value = service.values[variable], !value.text.isEmpty {
                entries.append(.init(key, value.text, isTemplate: value.isTemplate))
            } else if let fallback {
                entries.append(.init(key, fallback))
            }
        }
        let host = service.values["DATABASE_HOST"]
        if let host, !host.isTemplate, let address = published[host.text] {
            entries += [.init("host", address.host), .init("port", address.port)]
        } else {
            add("host", "DATABASE_HOST", fallback: "localhost")
            add("port", "DATABASE_PORT")
            if let host, !host.isTemplate, isService(host.text) {
                note = "“\(host.text)” is a name in Docker's network: give the host and port at which this machine reaches it"
            }
        }
        add("database", "DATABASE_NAME", fallback: "teslamate")
        add("user", "DATABASE_USER", fallback: "teslamate")
        add("password", "DATABASE_PASS")
        return FleetDraft.Instance(
            name: FleetDraft.name(after: service.name, taken: taken),
            entries: entries,
            encryptionKey: service.values["ENCRYPTION_KEY"]?.text,
            note: note
        )
    }

    /// A name without a dot is one that only Docker resolves; `localhost` is not.
    private func isService(_ host: String) -> Bool { !host.contains(".") && !host.contains("/") && host != "localhost" }

    /// Whether some database is reached by a name that only Docker's network knows.
    package var hasInnerNames: Bool { draft(name: "x", migrations: "x").instances.contains { $0.note != nil } }
}

extension YAMLNode {
    fileprivate var scalar: String? {
        if case .scalar(let scalar) = content, !scalar.isNull { scalar.text } else { nil }
    }

    fileprivate var items: [YAMLNode] {
        if case .sequence(let items) = content { items } else { [] }
    }

    fileprivate var pairs: [(key: String, value: YAMLNode)] {
        guard case .mapping(let pairs) = content else { return [] }
        return pairs.compactMap { pair in pair.key.scalar.map { ($0, pair.value) } }
    }

    fileprivate subscript(name: String) -> YAMLNode? { pairs.first { $0.key == name }?.value }
}
