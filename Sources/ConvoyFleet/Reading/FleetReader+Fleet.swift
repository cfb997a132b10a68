internal import ConvoyMigrations
internal import ConvoyPostgres
import ConvoyText

extension FleetReader {
    static let topKeys: Set<String> = [
        "version", "fleet", "migrations", "secret_commands", "defaults", "servers", "instances", "discover", "limits", "rollout", "journal",
        "control", "journal_keep", "workers", "notifications", "dashboard",
    ]

    /// Reads the whole file; nil if its top is not a fleet file of this version. ``problems`` says whether it can be used.
    func fleet(_ node: YAMLNode) -> Fleet? {
        let top = Field(key: "", keyMark: node.mark, node: node, isInSecret: false)
        guard case .mapping = node.content else {
            if case .refused = node.content { return nil }
            note(at: node.mark, "a fleet file is a mapping of keys to values, not \(node.kind)", hint: "start with the line “version: 1”")
            return nil
        }
        guard hasKnownVersion(node), let section = section(top, "the fleet file", keys: Self.topKeys) else { return nil }
        if section.lacks("version") {
            note(at: section.mark, "the file has no `version`", hint: "start it with the line “version: 1”")
        }

        if let field = section["secret_commands"] { readSecretCommands(field) }
        var defaults = InstanceDraft()
        if let field = section["defaults"], let section = self.section(field, "`defaults`", keys: Self.levelKeys) {
            apply(section, to: &defaults)
        }
        let servers = section["servers"].map { self.servers($0, defaults: defaults) } ?? [:]
        if section["servers"] == nil, !section.lacks("servers") { serversAreComplete = false }
        let listed = section["instances"].map { instances($0, defaults: defaults, servers: servers) } ?? []
        let discoveries = section["discover"].map { self.discoveries($0, servers: servers) } ?? []
        let isNoInstance = section["instances"].map { _ in listed.isEmpty && instancesAreComplete } ?? section.lacks("instances")
        // The first tenant is still to be provisioned.
        let canBegin = servers.values.contains { $0.server.provisioning != nil }
        if isNoInstance, section.lacks("discover"), !canBegin {
            note(
                at: section["instances"]?.keyMark ?? section.mark,
                "the file lists no instances",
                hint: "list them under `instances`, or find them with `discover`"
            )
        }
        var connections =
            listed.flatMap { entry in entry.instance.connections.map { ($0, entry.mark) } }
            + discoveries.flatMap { discovery in
                discovery.template.connections.map { ($0, YAMLNode.Mark(line: discovery.line, column: 1)) }
            }
        let place = journalPlace(section)
        if let (control, mark) = place.control { connections.append((control, mark)) }
        noteUnprovenServers(connections)
        rememberPasswordFiles(connections.map(\.0))
        let rollout = section["rollout"].map(rollout) ?? ListedRollout()
        check(rollout.waves, against: listed, canDiscover: !section.lacks("discover"))

        let name = name(section["fleet"])
        let migrations = text(section["migrations"])
        placesAreKnown =
            (name != nil || section.lacks("fleet")) && (migrations != nil || section.lacks("migrations"))
            && place.isKnown

        var fleet = Fleet(
            file: file,
            name: name ?? "fleet",
            migrations: migrations.map(resolve) ?? InstalledMigrations.standard(beside: resolve("Migrations")),
            servers: servers.values.map(\.server).sorted { $0.name < $1.name },
            instances: listed.map(\.instance),
            discoveries: discoveries,
            limits: section["limits"].map(limits) ?? Limits(),
            rollout: rollout.value,
            journal: place.control?.parameters.databasePlace ?? resolve(place.path ?? Fleet.defaultJournal),
            notifications: section["notifications"].map(webhooks) ?? [],
            dashboard: section["dashboard"].flatMap(dashboard)
        )
        fleet.control = place.control?.parameters
        fleet.journalKeep = section["journal_keep"].flatMap(journalKeep)
        if let field = section["workers"] {
            let names = Set(servers.keys).union(listed.map(\.instance.server))
            fleet.workers = workers(field, among: serversAreComplete && instancesAreComplete ? names : nil)
            if place.isKnown, place.control == nil {
                note(
                    .warning,
                    at: field.keyMark,
                    "`workers` has no effect: the fleet has no control database",
                    hint: "name one with `control`, or remove the key"
                )
            }
        }
        if !secretCommandList.isEmpty { fleet.secretCommands = secretCommands }
        fleet.secretCommandList = secretCommandList
        fleet.secretReferences = secretReferences
        return fleet
    }

    /// For a file of another version only the version is reported: its keys may mean something else.
    private func hasKnownVersion(_ node: YAMLNode) -> Bool {
        guard case .mapping(let pairs) = node.content else { return false }
        for pair in pairs {
            guard case .scalar(let key) = pair.key.content, key.text == "version" else { continue }
            guard case .scalar(let value) = pair.value.content, !value.isNull else { return true }
            let field = Field(key: "version", keyMark: pair.key.mark, node: pair.value, isInSecret: false)
            guard let text = expanded(field)?.text else { return false }
            guard text == "1" else {
                note(field, "unknown version of the fleet file", hint: "this Convoy reads version 1")
                return false
            }
        }
        return true
    }

    private func limits(_ field: Field) -> Limits {
        var limits = Limits()
        guard let section = section(field, "`limits`", keys: ["total", "per_server"]) else { return limits }
        if let total = integer(section["total"], in: 1...100_000) { limits.total = total }
        if let perServer = integer(section["per_server"], in: 1...100_000) { limits.perServer = perServer }
        return limits
    }

    private func journalKeep(_ field: Field) -> JournalKeep? {
        guard let text = text(field) else { return nil }
        guard let keep = JournalKeep(text: text) else {
            note(field, "`journal_keep` must be \(JournalKeep.expectation)")
            return nil
        }
        return keep
    }

    // MARK: Discovery

    private func discoveries(_ field: Field, servers: [String: ListedServer]) -> [Discovery] {
        guard let items = list(field) else { return [] }
        if items.isEmpty { note(field, "`discover` is empty", hint: "list a server and its databases, or remove the key") }
        let keys = Self.levelKeys.subtracting(["url", "database", "dbname"]).union([
            "server", "databases", "exclude", "name", "maintenance_database",
        ])
        return items.compactMap { item in
            section(item, "a `discover` entry", keys: keys).flatMap { discovery($0, servers: servers) }
        }
    }

    private func discovery(_ section: Section, servers: [String: ListedServer]) -> Discovery? {
        for key in ["server", "databases"] where section.lacks(key) {
            note(
                at: section.mark,
                "a `discover` entry has no `\(key)`",
                hint: "write for example {server: eu-1, databases: \"teslamate_*\"}"
            )
        }
        let databases = section["databases"].flatMap(glob)
        let excludes = (list(section["exclude"], allowsSingle: true) ?? []).compactMap(glob)
        let nameTemplate = section["name"].map(nameTemplate) ?? "{database}"
        let listed = section["server"].flatMap { server($0, among: servers) }.flatMap { servers[$0] }
        var draft = listed?.draft ?? InstanceDraft()
        apply(section, to: &draft)
        checkHosts(draft, at: section.mark)
        notePlaceholders(section)
        let maintenanceDatabase = text(section["maintenance_database"]) ?? listed?.maintenanceDatabase ?? "postgres"
        guard let listed, let databases, let nameTemplate else { return nil }
        draft.parameters["dbname"] = nil
        draft.direct?["dbname"] = nil
        return Discovery(
            server: listed.server.name,
            databases: databases,
            exclude: excludes,
            nameTemplate: nameTemplate,
            maintenanceDatabase: maintenanceDatabase,
            template: Instance(
                name: "",
                server: listed.server.name,
                database: "",
                labels: draft.labels,
                connection: draft.parameters,
                admin: draft.adminConnection,
                direct: draft.directConnection,
                secrets: draft.secrets.known,
                lateSecrets: draft.secrets.late,
                settings: draft.settings
            ),
            line: section.mark.line
        )
    }

    private func glob(_ field: Field) -> Glob? {
        guard let pattern = text(field) else { return nil }
        noteOddCharacter(in: pattern, of: "`\(field.key)`", field)
        return Glob(pattern)
    }

    /// Only `name` is filled in: anywhere else the braces would be sent as they are.
    private func notePlaceholders(_ section: Section) {
        let fields =
            section.fields
            + ["admin", "direct"].compactMap { section[$0] }.flatMap { field -> [Field] in
                guard case .mapping(let pairs) = field.node.content else { return [] }
                return pairs.compactMap { pair in
                    guard case .scalar(let key) = pair.key.content else { return nil }
                    return Field(key: key.text, keyMark: pair.key.mark, node: pair.value, isInSecret: true)
                }
            }
        for field in fields where field.key != "name" {
            guard case .scalar(let scalar) = field.node.content else { continue }
            guard let word = Placeholders.words(in: scalar.text).first(where: { $0 == "database" || $0 == "server" }) else { continue }
            note(
                at: field.node.mark,
                "{\(word)} works only in `name`, not in `\(field.key)`",
                hint: "list databases that need values of their own under `instances`"
            )
        }
    }

    private func nameTemplate(_ field: Field) -> String? {
        guard let template = text(field) else { return nil }
        let words = Placeholders.words(in: template)
        if let word = words.first(where: { $0 != "database" && $0 != "server" }) {
            note(field, "unknown placeholder {\(word)}", hint: "available: {database}, {server}")
            return nil
        }
        guard words.contains("database") else {
            note(field, "every database found would get the same name", hint: "add {database} to it")
            return nil
        }
        let example = Placeholders.fill(template) { _ in "x" }
        guard Self.isName(example) else {
            note(field, "`name` does not make a valid name", hint: "around {database}, use only ASCII letters, digits, “.”, “_” and “-”")
            return nil
        }
        return template
    }
}
