import ConvoyIO
internal import ConvoyMigrations
internal import ConvoyPostgres
import ConvoyText

extension FleetNames {
    /// Reads the names of a fleet file. A file that cannot be read so is read as a whole, as far as that is possible.
    ///
    /// - Returns: nil if the file does not say where the journal and the migrations are.
    package static func load(path: String, environment: [String: String], parts: Parts = .all) -> FleetNames? {
        guard let bytes = try? readFile(path, limit: FleetFile.sizeLimit) else { return nil }
        return read(bytes, file: path, environment: environment, parts: parts)
            ?? (try? FleetFile.outline(bytes, file: path, environment: environment)).map { FleetNames($0.fleet) }
    }

    /// The same for what stands in a file; nil if it is not a plain fleet file of a known version.
    static func read(_ bytes: [UInt8], file: String, environment: [String: String], parts: Parts = .all) -> FleetNames? {
        let node: YAMLNode? = bytes.withUnsafeBufferPointer { bytes in
            let result = Result { () throws(Problem) in
                try YAMLReader.read(bytes, file: file, selection: FleetNamesReader.selection(parts))
            }
            guard let (node, problems) = try? result.get(), problems.isEmpty else { return nil }
            return node
        }
        guard let node else { return nil }
        return FleetNamesReader(FleetReader(file: file, environment: environment), parts).names(node)
    }
}

/// Takes the names out of the nodes of a fleet file, by the rules of ``FleetReader`` and without its checks.
private struct FleetNamesReader {
    private let reader: FleetReader
    private let parts: FleetNames.Parts

    init(_ reader: FleetReader, _ parts: FleetNames.Parts) {
        self.reader = reader
        self.parts = parts
    }

    /// What is needed of the file.
    static func selection(_ parts: FleetNames.Parts) -> YAMLSelection {
        var level: [String: YAMLSelection] = [:]
        if parts.contains(.places) { for key in Place.keys { level[key] = .everything } }
        if parts.contains(.labels) { level["labels"] = .everything }
        var top: [String: YAMLSelection] = [
            "version": .everything, "fleet": .everything, "journal": .everything, "control": .everything, "migrations": .everything,
        ]
        top["discover"] = .each(.keys(["server": .everything]))
        if !parts.isDisjoint(with: [.names, .places, .labels]) {
            top["instances"] = .each(.keys(level.merging(["name": .everything, "server": .everything]) { $1 }))
        }
        if !parts.isDisjoint(with: [.places, .labels]) {
            top["defaults"] = .keys(level)
            top["servers"] = .each(.keys(level))
        }
        if parts.contains(.waves) { top["rollout"] = .keys(["waves": .each(.keys(["name": .everything]))]) }
        return .keys(top)
    }

    /// Where a database is, as far as the names of servers and databases depend on it.
    private struct Place {
        var host: String?
        var hostaddr: String?
        var port: String?
        var service: String?
        var dbname: String?
        var user: String?

        /// The keys of the fleet file that say so.
        static let keys = ["url", "host", "hostaddr", "port", "service", "database", "dbname", "user"]

        subscript(keyword: String) -> String? {
            get {
                switch keyword {
                case "host": host
                case "hostaddr": hostaddr
                case "port": port
                case "service": service
                case "dbname": dbname
                case "user": user
                default: nil
                }
            }
            set {
                switch keyword {
                case "host": host = newValue
                case "hostaddr": hostaddr = newValue
                case "port": port = newValue
                case "service": service = newValue
                case "dbname": dbname = newValue
                case "user": user = newValue
                default: break
                }
            }
        }

        /// Puts what another level says over it. A host replaces the address of another one.
        mutating func merge(_ level: Place) {
            if level.host != nil { hostaddr = nil }
            host = level.host ?? host
            hostaddr = level.hostaddr ?? hostaddr
            port = level.port ?? port
            service = level.service ?? service
            dbname = level.dbname ?? dbname
            user = level.user ?? user
        }
    }

    /// What instances take from a level above them.
    private struct Level {
        var place = Place()
        var labels: [String: String] = [:]
    }

    private typealias Pairs = [YAMLNode.Pair]

    func names(_ node: YAMLNode) -> FleetNames? {
        guard let top = pairs(node), value("version", in: top).flatMap(text) == "1" else { return nil }
        var places: [String: String] = [:]
        for key in ["fleet", "journal", "migrations"] {
            guard let node = value(key, in: top) else { continue }
            // What is there and cannot be read must not be replaced by its default.
            guard let text = text(node) else { return nil }
            places[key] = text
        }
        let isInDatabase = value("control", in: top) != nil || places["journal"].map(JournalPlace.isURL) == true
        var names = FleetNames(
            fleet: places["fleet"] ?? "fleet",
            journal: isInDatabase ? nil : reader.resolve(places["journal"] ?? Fleet.defaultJournal),
            migrations: places["migrations"].map(reader.resolve) ?? InstalledMigrations.standard(beside: reader.resolve("Migrations"))
        )
        names.discovered = items(value("discover", in: top)).compactMap { pairs($0).flatMap { value("server", in: $0) }.flatMap(text) }
        if parts.contains(.waves) {
            let waves = value("rollout", in: top).flatMap(pairs).flatMap { value("waves", in: $0) }
            names.waves = items(waves).compactMap { pairs($0).flatMap { value("name", in: $0) }.flatMap(text) }
            if names.waves.isEmpty { names.waves = Rollout().waves.map(\.name) }
        }
        var defaults = Level()
        if let pairs = value("defaults", in: top).flatMap(pairs) { apply(pairs, to: &defaults) }
        var servers: [String: Level] = [:]
        for pair in value("servers", in: top).flatMap(pairs) ?? [] {
            guard case .scalar(let name) = pair.key.content, servers[name.text] == nil else { continue }
            var level = defaults
            if let pairs = pairs(pair.value) { apply(pairs, to: &level) }
            servers[name.text] = level
        }
        let listed = items(value("instances", in: top))
        names.instances.reserveCapacity(listed.count)
        let serverOfAddress = Dictionary(servers.map { (address($0.value.place), $0.key) }) { min($0, $1) }
        for item in listed {
            guard let pairs = pairs(item), let name = value("name", in: pairs).flatMap(text) else { continue }
            let server = value("server", in: pairs).flatMap(text)
            var level = server.flatMap { servers[$0] } ?? defaults
            apply(pairs, to: &level)
            var entry = FleetNames.Entry(name: name, server: "", database: "", labels: level.labels)
            if parts.contains(.places) {
                let address = server == nil ? address(level.place) : ""
                entry.server = server ?? serverOfAddress[address] ?? address
                entry.database = reader.databaseName { level.place[$0] }
            }
            names.instances.append(entry)
        }
        return names
    }

    private func address(_ place: Place) -> String { reader.address { place[$0] } }

    /// Puts what one level says over those above it.
    private func apply(_ pairs: Pairs, to level: inout Level) {
        var place = Place()
        for pair in pairs {
            guard case .scalar(let key) = pair.key.content else { continue }
            switch key.text {
            case "url":
                let parameters = reader.url(field(key.text, pair)).parameters
                for keyword in parameters.keywords where place[keyword] == nil { place[keyword] = parameters[keyword] }
            case "labels":
                for label in self.pairs(pair.value) ?? [] {
                    if case .scalar(let name) = label.key.content, let text = text(label.value) { level.labels[name.text] = text }
                }
            case "database": place.dbname = text(pair.value) ?? place.dbname
            // A key beside the URL wins over it, wherever it stands.
            default: if let text = text(pair.value) { place[key.text] = text }
            }
        }
        level.place.merge(place)
    }

    private func field(_ key: String, _ pair: YAMLNode.Pair) -> Field {
        Field(key: key, keyMark: pair.key.mark, node: pair.value, isInSecret: false)
    }

    // MARK: Nodes

    private func pairs(_ node: YAMLNode) -> Pairs? { if case .mapping(let pairs) = node.content { pairs } else { nil } }

    private func items(_ node: YAMLNode?) -> [YAMLNode] { if case .sequence(let items) = node?.content { items } else { [] } }

    private func value(_ key: String, in pairs: Pairs) -> YAMLNode? {
        pairs.first { if case .scalar(let scalar) = $0.key.content { scalar.text == key } else { false } }?.value
    }

    /// A single value with its variables filled in.
    private func text(_ node: YAMLNode) -> String? {
        guard case .scalar(let scalar) = node.content, !scalar.isNull else { return nil }
        guard scalar.text.utf8.contains(UInt8(ascii: "$")) else { return scalar.text }
        return reader.expanded(Field(key: "", keyMark: node.mark, node: node, isInSecret: true))?.text
    }
}
