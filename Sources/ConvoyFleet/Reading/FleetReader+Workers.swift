import ConvoyText

/// What the workers of the fleet take.
extension FleetReader {
    static let workerKeys: Set<String> = ["select", "servers", "total", "lease"]

    /// Reads `workers`.
    ///
    /// A value may differ between workers and comes from their environments then. Everyone else, for example who submits a run, does not have these
    /// variables: there it is left open.
    ///
    /// - Parameter servers: the names of all servers; nil if they are not known.
    func workers(_ field: Field, among servers: Set<String>?) -> WorkerDefaults {
        var workers = WorkerDefaults()
        guard let section = section(field, "`workers`", keys: Self.workerKeys) else { return workers }
        for field in section.fields {
            if let problem = missingVariable(field) { workers.missing[field.key] = problem }
        }
        func given(_ key: String) -> Field? { workers.missing[key] == nil ? section[key] : nil }
        workers.select = given("select").flatMap(selector)
        workers.servers = given("servers").flatMap { serverNames($0, among: servers) }
        workers.total = integer(given("total"), in: WorkerDefaults.totalRange)
        workers.lease = given("lease").flatMap(lease)
        return workers
    }

    /// - Returns: nil if every variable of the value is set or has a default.
    private func missingVariable(_ field: Field) -> Problem? {
        if case .sequence(let items) = field.node.content {
            for item in items { if let problem = missingVariable(field.item(item)) { return problem } }
            return nil
        }
        guard case .scalar(let scalar) = field.node.content, let template = try? Template(scalar.text) else { return nil }
        for case .variable(let name, nil) in template.parts where environment[name] == nil {
            return Problem(
                file: file,
                line: field.node.mark.line,
                column: field.node.mark.column,
                "environment variable \(name) is not set, which `\(field.key)` of `workers` needs",
                text: field.shownText,
                hint: "set it for each worker, or give --\(field.key) on its command line"
            )
        }
        return nil
    }

    private static let allServersHint = "name one, or remove the key to work on all of them"

    /// One variable may have several names.
    private func serverNames(_ field: Field, among servers: Set<String>?) -> Set<String>? {
        guard let items = list(field, allowsSingle: true) else { return nil }
        var names: Set<String> = []
        for item in items {
            guard let text = text(item) else { continue }
            let parts = WorkerDefaults.names(in: text)
            if parts.isEmpty { note(item, "`servers` names no server", hint: Self.allServersHint) }
            for name in parts {
                if let servers, !servers.contains(name) {
                    note(item, "unknown server", hint: servers.isEmpty ? "list it under `servers`" : suggestion(for: name, among: servers))
                }
                names.insert(name)
            }
        }
        if items.isEmpty { note(field, "`servers` is empty", hint: Self.allServersHint) }
        return names.isEmpty ? nil : names
    }

    private func lease(_ field: Field) -> Duration? {
        guard let lease = duration(field) else { return nil }
        guard WorkerDefaults.leaseRange.contains(lease) else {
            note(field, "`lease` must be from 10s to 1h")
            return nil
        }
        return lease
    }
}
