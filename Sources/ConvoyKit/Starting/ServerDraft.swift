internal import ConvoyFleet
internal import ConvoyInstance
internal import ConvoyPostgres
internal import ConvoyText

/// What a survey of a server becomes in a fleet file.
struct ServerDraft {
    private let survey: ServerSurvey
    private let parameters: ConnectionParameters
    /// Where relative paths of the parameters start.
    private let directory: String

    init(_ survey: ServerSurvey, _ parameters: ConnectionParameters, directory: String) {
        (self.survey, self.parameters, self.directory) = (survey, parameters, directory)
    }

    /// What the operator should know: secrets that are not written.
    var notes: [String] {
        secrets.map { keyword in
            """
            the \(keyword) of --from is not written to the file, which reads it from \(Self.variable(keyword)); on the command line every user of \
            this machine could see it
            """
        }
    }

    private var secrets: [String] { parameters.keywords.filter { FleetDraft.isSecret($0) && parameters[$0]?.isEmpty == false } }

    private static func variable(_ keyword: String) -> String { "DATABASE_\(keyword.uppercased())" }

    /// The fleet of the databases that have a ledger; the others are named at its end.
    func draft(name: String, migrations: String?) -> FleetDraft {
        let host = parameters["host"] ?? parameters["hostaddr"] ?? "main"
        let server = FleetDraft.Server(name: FleetDraft.name(after: host, taken: []), entries: entries)
        var draft = FleetDraft(name: name, migrations: migrations, servers: [server])
        var without: [String] = []
        var taken: Set<String> = []
        for database in survey.databases {
            switch database.finding {
            case .noLedger: without.append(database.name)
            case .closed(let reason): draft.notes.append("database “\(database.name)” could not be entered: \(reason)")
            case .ledger(let owner):
                if let complaint = FleetDraft.complaint(database: database.name) {
                    draft.notes.append("database “\(database.name)” is left out: its name \(complaint)")
                    continue
                }
                let name = FleetDraft.name(after: database.name, taken: taken)
                taken.insert(name)
                let note = parameters["user"].flatMap { $0 == owner ? nil : "its ledger belongs to role “\(owner)”: log in as that role" }
                draft.instances.append(
                    FleetDraft.Instance(name: name, entries: [.init("server", server.name), .init("database", database.name)], note: note)
                )
            }
        }
        if !without.isEmpty {
            draft.notes.insert("databases without a table schema_migrations, left out: \(without.joined(separator: ", "))", at: 0)
        }
        return draft
    }

    private var entries: [FleetDraft.Entry] {
        var entries: [FleetDraft.Entry] = []
        let first = ["host", "hostaddr", "port", "user", "password"]
        let order = first + parameters.keywords.filter { !first.contains($0) }
        for keyword in order where !["dbname", "client_encoding", "replication"].contains(keyword) {
            guard let value = parameters[keyword], !value.isEmpty else { continue }
            if FleetDraft.isSecret(keyword) {
                entries.append(.init(keyword, "${env:\(Self.variable(keyword))}", isTemplate: true))
            } else if keyword == "connect_timeout" {
                entries.append(.init(keyword, "\(value)s"))
            } else {
                let isRelative = FleetDraft.isPath(keyword) && !value.hasPrefix("/") && value != "system"
                entries.append(.init(keyword, isRelative ? "\(directory)/\(value)" : value))
            }
        }
        if let database = parameters["dbname"], !database.isEmpty, database != "postgres" {
            entries.append(.init("maintenance_database", database))
        }
        // A server needs a key; this one is libpq's own default.
        return entries.isEmpty ? [.init("port", "5432")] : entries
    }
}
