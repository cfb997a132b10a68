internal import ConvoyMigrations
internal import ConvoyPostgres
import ConvoyText

extension FleetReader {
    /// An instance and where the file lists it.
    struct ListedInstance {
        var instance: Instance
        var mark: YAMLNode.Mark
        /// Nil if a service file or a mistake leaves it open.
        var target: DatabaseTarget?
    }

    /// A server and what its instances get from it and from the defaults.
    struct ListedServer {
        var server: Server
        var maintenanceDatabase: String
        var draft: InstanceDraft
        var mark: YAMLNode.Mark
    }

    static let settingKeys: Set<String> = [
        "connect_timeout", "lock_wait", "lock_timeout", "statement_timeout", "commit_wait", "autovacuum_wait", "ledger_schema",
        "out_of_order", "strict", "audit", "checkpoint", "pooler",
        "allow_superuser", "trust_owner", "allow_read_only_default", "accept", "accept_drops", "show_row_details",
    ]
    /// What defaults, servers, instances and discovery share.
    static let levelKeys = ConnectionKeywords.keys.union(settingKeys).union(["labels", "secrets", "admin", "direct"])

    // MARK: Levels

    /// Puts what one level says over a draft.
    func apply(_ section: Section, to draft: inout InstanceDraft) {
        let level = connectionLevel(section)
        InstanceDraft.merge(level.parameters, over: &draft.parameters)
        if !level.isComplete { draft.isComplete = false }
        if let timeout = level.connectTimeout { draft.settings.connectTimeout = timeout }
        if let field = section["labels"] { draft.labels.merge(labels(field)) { $1 } }
        if let field = section["secrets"] { draft.secrets.merge(secrets(field)) }
        if let parameters = section["admin"].flatMap(admin) {
            var merged = draft.admin ?? ConnectionParameters()
            InstanceDraft.merge(parameters, over: &merged)
            draft.admin = merged
        }
        if let field = section["direct"] {
            let level = direct(field)
            if let timeout = level?.connectTimeout { draft.settings.connectTimeout = timeout }
            var merged = draft.direct ?? ConnectionParameters()
            InstanceDraft.merge(level?.parameters ?? ConnectionParameters(), over: &merged)
            draft.direct = merged
            if level?.isComplete != true { draft.isComplete = false }
        }
        apply(section, to: &draft.settings)
    }

    private func apply(_ section: Section, to settings: inout InstanceSettings) {
        let moment = Duration.milliseconds(1)
        if let value = duration(section["connect_timeout"], atLeast: moment) { settings.connectTimeout = value }
        if let value = duration(section["lock_wait"]) { settings.lockWait = value }
        if let value = duration(section["lock_timeout"], atLeast: moment) { settings.lockTimeout = value }
        if let value = duration(section["statement_timeout"]) { settings.statementTimeout = value }
        if let value = duration(section["commit_wait"]) { settings.commitWait = value }
        if let value = duration(section["autovacuum_wait"]) { settings.autovacuumWait = value }
        if let field = section["ledger_schema"], let value = text(field) {
            noteOddCharacter(in: value, of: "`ledger_schema`", field)
            settings.ledgerSchema = value
        }
        if let value = choice(section["out_of_order"], among: OutOfOrderPolicy.allCases.map(\.rawValue)).flatMap(OutOfOrderPolicy.init) {
            settings.outOfOrder = value
        }
        if let value = bool(section["strict"]) { settings.strict = value }
        if let value = choice(section["audit"], among: AuditPolicy.allCases.map(\.rawValue)).flatMap(AuditPolicy.init) {
            settings.audit = value
        }
        if let value = bool(section["checkpoint"]) { settings.startsFromCheckpoint = value }
        if let field = section["pooler"], let mode = text(field) {
            switch mode {
            case "session": settings.poolerIsInSessionMode = true
            case "none": settings.poolerIsInSessionMode = false
            default: note(field, "`pooler` must be session or none", hint: "for a pooler in another mode, give a `direct` host")
            }
        }
        if let value = bool(section["allow_superuser"]) { settings.allowsForeignSuperuser = value }
        if let value = bool(section["trust_owner"]) { settings.trustsOwner = value }
        if let value = bool(section["allow_read_only_default"]) { settings.allowsReadOnlyDefault = value }
        if let items = list(section["accept"], hint: "write accept: [ahead]") { settings.accepted = Set(items.compactMap(acceptedState)) }
        if let items = list(section["accept_drops"]) { settings.acceptedDrops = items.compactMap { text($0) } }
        if let value = bool(section["show_row_details"]) { settings.showsRowDetails = value }
    }

    private func acceptedState(_ field: Field) -> AcceptedState? {
        guard let word = text(field) else { return nil }
        guard let state = AcceptedState(rawValue: word) else {
            note(field, "unknown state in `accept`", hint: suggestion(for: word, among: AcceptedState.allCases.map(\.rawValue)))
            return nil
        }
        return state
    }

    private func labels(_ field: Field) -> [String: String] {
        guard let section = section(field, "`labels`", keys: nil) else { return [:] }
        var labels: [String: String] = [:]
        for field in section.fields {
            guard !Selector.reservedKeys.contains(field.key) else {
                note(
                    at: field.keyMark,
                    "a label cannot be called `\(field.key)`",
                    hint: "in a selector this word is a property of the instance"
                )
                continue
            }
            guard !field.key.isEmpty, field.key.utf8.count <= 128, field.key.unicodeScalars.allSatisfy(SelectorParser.isKeyCharacter) else {
                note(
                    at: field.keyMark,
                    "a label's key is not valid",
                    hint: "use at most 128 ASCII letters, digits, “.”, “_”, “-” and “/”"
                )
                continue
            }
            guard let value = expanded(field)?.text else { continue }
            guard value.utf8.count <= 256, value.unicodeScalars.allSatisfy(SelectorParser.isValueCharacter) else {
                note(
                    field,
                    "label `\(field.key)` has a value that no selector can match",
                    hint: "use letters, digits and . _ - / : @ [ ], without spaces"
                )
                continue
            }
            noteOddCharacter(
                OddCharacter(in: value)?.isBlankOrInvisible == true ? .error : .warning,
                in: value,
                of: "label `\(field.key)`",
                field
            )
            labels[field.key] = value
        }
        return labels
    }

    // MARK: Servers

    func servers(_ field: Field, defaults: InstanceDraft) -> [String: ListedServer] {
        guard let section = section(field, "`servers`", keys: nil) else {
            serversAreComplete = false
            return [:]
        }
        if !section.refusedKeys.isEmpty { serversAreComplete = false }
        var servers: [String: ListedServer] = [:]
        for field in section.fields {
            guard Self.isName(field.key) else {
                note(at: field.keyMark, "a server's name is not valid", hint: "use ASCII letters, digits, “.”, “_” and “-”")
                continue
            }
            let keys = Self.levelKeys.union(["max_connections", "maintenance_database", "provision"])
            var server = ListedServer(
                server: Server(name: field.key),
                maintenanceDatabase: "postgres",
                draft: defaults,
                mark: field.keyMark
            )
            if let section = self.section(field, "server `\(field.key)`", keys: keys) {
                apply(section, to: &server.draft)
                server.server.maxConnections = integer(section["max_connections"], in: 1...100_000)
                if let database = text(section["maintenance_database"]) { server.maintenanceDatabase = database }
                if let field = section["provision"] { server.server.provisioning = provisioning(field, on: server) }
            }
            servers[field.key] = server
        }
        noteSharedAddresses(servers)
        return servers
    }

    private func noteSharedAddresses(_ servers: [String: ListedServer]) {
        var names: [String: String] = [:]
        for server in servers.values.sorted(by: { ($0.mark.line, $0.mark.column) < ($1.mark.line, $1.mark.column) }) {
            guard let address = ownAddress(server.draft) else { continue }
            if let name = names[address] {
                note(
                    .warning,
                    at: server.mark,
                    "server `\(server.server.name)` has the same address as `\(name)`",
                    hint: "instances of one server share its connection budget, and these two do not"
                )
            } else {
                names[address] = server.server.name
            }
        }
    }

    /// `host:port`, where the file gives a host.
    private func ownAddress(_ draft: InstanceDraft) -> String? {
        draft.parameters["host"] ?? draft.parameters["hostaddr"] == nil ? nil : address(draft)
    }

    /// The name of the server of an instance that names none: `host:port` as far as the file or libpq's environment gives them.
    private func address(_ draft: InstanceDraft) -> String { address { draft.parameters[$0] } }

    /// The same for any connection, of which a keyword's value is asked.
    func address(_ parameter: (_ keyword: String) -> String?) -> String {
        func value(_ keywords: String..., variables: String...) -> String? {
            (keywords.map { parameter($0) } + variables.map { environment[$0] }).compactMap { $0 }.first { !$0.isEmpty }
        }
        if let service = parameter("service"), parameter("host") == nil { return "service:\(service)" }
        let host = value("host", "hostaddr", variables: "PGHOST", "PGHOSTADDR") ?? "localhost"
        let port = value("port", variables: "PGPORT") ?? "5432"
        return host.contains(":") ? "[\(host)]:\(port)" : "\(host.hasPrefix("/") ? host : host.lowercased()):\(port)"
    }

    // MARK: Instances

    func instances(_ field: Field, defaults: InstanceDraft, servers: [String: ListedServer]) -> [ListedInstance] {
        guard let items = list(field) else {
            if case .refused = field.node.content {} else { instancesAreComplete = false }
            return []
        }
        let serverOfAddress = Dictionary(servers.map { (address($0.value.draft), $0.key) }) { min($0, $1) }
        let keys = Self.levelKeys.union(["name", "server", "skip"])
        var listed: [ListedInstance] = []
        listed.reserveCapacity(items.count)
        for item in items {
            guard let section = section(item, "an instance", keys: keys) else {
                instancesAreComplete = false
                continue
            }
            guard let instance = instance(section, defaults: defaults, servers: servers, serverOfAddress: serverOfAddress) else {
                instancesAreComplete = false
                continue
            }
            listed.append(instance)
        }
        noteRepetitions(listed)
        return listed
    }

    private func instance(
        _ section: Section,
        defaults: InstanceDraft,
        servers: [String: ListedServer],
        serverOfAddress: [String: String]
    ) -> ListedInstance? {
        var draft = defaults
        var serverName: String?
        if let field = section["server"] {
            serverName = server(field, among: servers)
            if let server = serverName.flatMap({ servers[$0] }) { draft = server.draft } else { draft.isComplete = false }
        }
        let inherited = draft.parameters
        isReadingSkippedConnection = section["skip"] != nil
        apply(section, to: &draft)
        isReadingSkippedConnection = false
        if let serverName, let host = draft.parameters["host"], let other = inherited["host"], host != other {
            let field = section["host"] ?? section["url"]
            note(
                .warning,
                at: field?.keyMark ?? section.mark,
                "this host is not the host of server `\(serverName)`",
                hint: "the instance uses connections of that server's budget: remove `server` if it is on another server"
            )
        }
        checkHosts(draft, at: section.mark)
        if section.lacks("name") {
            note(at: section.mark, "an instance has no `name`", hint: "give it one that is unique in the fleet")
        }
        guard let name = name(section["name"]) else { return nil }
        let address = address(draft)
        let instance = Instance(
            name: name,
            server: serverName ?? serverOfAddress[address] ?? address,
            database: databaseName { draft.parameters[$0] },
            labels: draft.labels,
            connection: draft.parameters,
            admin: draft.adminConnection,
            direct: draft.directConnection,
            secrets: draft.secrets.known,
            lateSecrets: draft.secrets.late,
            settings: draft.settings,
            skip: section["skip"].flatMap(skipReason)
        )
        return ListedInstance(
            instance: instance,
            mark: section["name"]?.node.mark ?? section.mark,
            target: draft.isComplete ? instance.target : nil
        )
    }

    /// The most characters of a reason: it stands in the lines of tables.
    private static let skipReasonLimit = 200

    /// Why an instance is skipped. A switch is not a reason: readers of a report shall learn one.
    private func skipReason(_ field: Field) -> String? {
        guard let text = text(field) else { return nil }
        let reason = String(text.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
        guard !reason.isEmpty, !["true", "false", "yes", "no", "on", "off"].contains(reason.lowercased()) else {
            note(
                field,
                "`skip` does not say why the instance is skipped",
                hint: "write a reason, for example skip: the car is sold; to work on the instance again, remove the key"
            )
            return nil
        }
        guard reason.count <= Self.skipReasonLimit else {
            note(field, "`skip` is too long", hint: "the maximum is \(Self.skipReasonLimit) characters")
            return nil
        }
        return reason
    }

    /// The name of a listed server.
    func server(_ field: Field, among servers: [String: ListedServer]) -> String? {
        guard let name = text(field) else { return nil }
        guard servers[name] != nil else {
            guard serversAreComplete else { return nil }
            let hint = servers.isEmpty ? "list it under `servers`" : suggestion(for: name, among: servers.keys)
            note(field, "unknown server", hint: hint)
            return nil
        }
        return name
    }

    /// libpq pairs hosts with ports, and would refuse another number of them only while connecting.
    func checkHosts(_ draft: InstanceDraft, at mark: YAMLNode.Mark) {
        for parameters in [draft.parameters, draft.directConnection, draft.adminConnection].compactMap({ $0 }) {
            func count(_ keyword: String) -> Int { parameters[keyword]?.split(separator: ",", omittingEmptySubsequences: false).count ?? 1 }
            let ports = count("port")
            guard ports == 1 || ports == max(count("host"), count("hostaddr")) else {
                note(
                    at: mark,
                    "there are \(ports) ports for \(max(count("host"), count("hostaddr"))) hosts",
                    hint: "give one port, or one for each host"
                )
                return
            }
        }
    }

    func databaseName(_ parameter: (_ keyword: String) -> String?) -> String {
        if let name = parameter("dbname"), !name.isEmpty { return name }
        if let service = parameter("service") { return "service:\(service)" }
        return environment["PGDATABASE"] ?? parameter("user") ?? environment["PGUSER"] ?? "default"
    }

    /// Names that come twice, and databases that are reached twice.
    private func noteRepetitions(_ listed: [ListedInstance]) {
        var names: [String: YAMLNode.Mark] = [:]
        var targets: [DatabaseTarget: ListedInstance] = [:]
        var spellings: [DatabaseTarget: ListedInstance] = [:]
        for entry in listed {
            let name = entry.instance.name
            if let first = names[name] {
                note(at: entry.mark, "two instances are called `\(name)`", hint: "the first one is on line \(first.line)")
            } else {
                names[name] = entry.mark
            }
            guard let target = entry.target else { continue }
            if let first = targets[target] {
                note(
                    at: entry.mark,
                    "`\(name)` and `\(first.instance.name)` are the same database",
                    hint: "the other one is on line \(first.mark.line): same host, port and database name"
                )
            } else if let first = spellings[target.normalised] {
                note(
                    .warning,
                    at: entry.mark,
                    "`\(name)` and `\(first.instance.name)` may be the same database",
                    hint: "the other one is on line \(first.mark.line): the hosts look like two spellings of one"
                )
            }
            targets[target] = targets[target] ?? entry
            spellings[target.normalised] = spellings[target.normalised] ?? entry
        }
    }
}
