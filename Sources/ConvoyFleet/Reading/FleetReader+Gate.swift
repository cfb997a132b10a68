import ConvoyIO
import ConvoyMigrations
import ConvoyText
internal import FoundationEssentials

extension FleetReader {
    static let gateKeys: Set<String> = ["soak", "every", "approve", "approve_within", "checks", "command", "http"]

    func gate(_ field: Field) -> Gate? {
        guard let section = section(field, "`gate`", keys: Self.gateKeys) else { return nil }
        let hint = "write for example {soak: 10m}, or remove it"
        guard !section.fields.isEmpty else {
            if section.refusedKeys.isEmpty { note(at: field.keyMark, "`gate` is empty", hint: hint) }
            return nil
        }
        var gate = Gate()
        let soak = duration(section["soak"])
        let every = duration(section["every"], atLeast: .milliseconds(1))
        let approve = bool(section["approve"])
        gate.approveWithin = duration(section["approve_within"], atLeast: .milliseconds(1))
        if let soak { gate.soak = soak }
        if let every { gate.every = every }
        if let approve { gate.approve = approve }
        if let field = section["checks"] { gate.checks = checks(field) }
        if let field = section["command"] { gate.command = arguments(field, placeholders: Self.placeholders(of: .afterWave)) ?? [] }
        if let field = section["http"] { gate.http = http(field) }

        let looks = ["checks", "command", "http"].contains { !section.lacks($0) }
        let soaks = !section.lacks("soak") && soak != .zero
        let asks = !section.lacks("approve") && approve != false
        if !asks, let mark = section["approve_within"]?.keyMark {
            note(
                .warning,
                at: mark,
                "`approve_within` has no effect",
                hint: "it limits the wait for an approval: add `approve: true`, or remove it"
            )
        }
        if !looks, !soaks, !asks {
            note(.warning, at: field.keyMark, "`gate` requires nothing", hint: hint)
        } else if let every, let mark = section["every"]?.keyMark {
            if !looks {
                note(
                    .warning,
                    at: mark,
                    "`every` has no effect",
                    hint: "it repeats checks, command and http: add one of them, or remove it"
                )
            } else if !asks, let soak = soaks ? soak : .zero, every > soak {
                note(.warning, at: mark, "`every` is longer than the soak", hint: "repetition stops when `soak` ends: make `soak` longer")
            }
        }
        return gate
    }

    private func http(_ field: Field) -> String? {
        guard let text = secretURL(field) else { return nil }
        guard let url = URL(string: text), ["http", "https"].contains(url.scheme?.lowercased()), let host = url.host(), !host.isEmpty else {
            note(field, "`http` must be an http or https URL")
            return nil
        }
        return hasUsablePort(text, field) ? text : nil
    }

    // MARK: Checks

    func checks(_ field: Field) -> [Check] {
        guard let items = list(field) else { return [] }
        if items.isEmpty { note(field, "`checks` is empty", hint: "list a check, or remove the key") }
        var lines: [String: Int] = [:]
        return items.compactMap { item in
            guard let section = section(item, "a check", keys: ["name", "sql", "expect"]) else { return nil }
            for key in ["name", "sql"] where section.lacks(key) {
                note(
                    at: section.mark,
                    "a check has no `\(key)`",
                    hint: "write for example {name: cars-readable, sql: \"SELECT count(*) >= 0 FROM cars\"}"
                )
            }
            let sql = section["sql"].flatMap(query)
            let expect = section["expect"].flatMap(expectation)
            guard let name = name(section["name"]) else { return nil }
            if let line = lines.updateValue(section.mark.line, forKey: name) {
                note(at: section.mark, "two checks are called `\(name)`", hint: "the first one is on line \(line)")
            }
            return sql.map { Check(name: name, sql: $0, expect: expect) }
        }
    }

    /// One query: whether the database has what it names, only the server knows.
    private func query(_ field: Field) -> String? {
        guard let text = text(field) else { return nil }
        let source = SourceText(path: file, text: text)
        var splitter = SQLSplitter(source)
        var statements: [String] = []
        while let piece = splitter.next() {
            if case .statement(let statement) = piece { statements.append(source.text(statement.range)) }
        }
        if let problem = splitter.problems.first {
            note(at: field.node.mark, "`sql` is not a statement: \(problem.message)")
        } else if statements.isEmpty {
            note(field, "`sql` contains no statement", hint: "write one that returns one row with one column")
        } else if statements.count > 1 {
            note(
                field,
                "`sql` contains \(statements.count) statements",
                hint: "a health check is one query: write \(statements.count) checks"
            )
        } else if let statement = statements.first, !Self.isQuery(statement) {
            note(field, "`sql` is not a query", hint: "write a SELECT that returns one row with one column")
        } else {
            return text
        }
        return nil
    }

    /// What a cursor can be opened for.
    private static func isQuery(_ statement: String) -> Bool {
        let word = statement.prefix { $0.isASCII && $0.isLetter }.uppercased()
        return statement.hasPrefix("(") || ["SELECT", "WITH", "VALUES", "TABLE"].contains(word)
    }

    private func expectation(_ field: Field) -> String? {
        guard let text = expanded(field)?.text else { return nil }
        if case .scalar(let scalar) = field.node.content, scalar.isPlain, ["true", "false"].contains(text) {
            note(
                .warning,
                at: field.node.mark,
                "`expect` is compared with text, and PostgreSQL writes a boolean as t or f",
                hint: text == "true"
                    ? "remove it: a check without `expect` expects true" : "write f, or quote it if you mean the text"
            )
        }
        return text
    }
}
