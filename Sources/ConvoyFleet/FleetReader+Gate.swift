internal import ConvoyMigrations
internal import FoundationEssentials

extension FleetReader {
    private static let gateKeys: Set<String> = ["soak", "every", "approve", "checks", "command", "http"]

    func gate(_ field: Field) -> Gate? {
        guard let section = section(field, "`gate`", keys: Self.gateKeys) else { return nil }
        let hint = "write for example {soak: 10m}, or take it out"
        guard !section.fields.isEmpty else {
            if section.refusedKeys.isEmpty { note(at: field.keyMark, "`gate` says nothing", hint: hint) }
            return nil
        }
        var gate = Gate()
        let soak = duration(section["soak"])
        let every = duration(section["every"], atLeast: .milliseconds(1))
        let approve = bool(section["approve"])
        if let soak { gate.soak = soak }
        if let every { gate.every = every }
        if let approve { gate.approve = approve }
        if let field = section["checks"] { gate.checks = checks(field) }
        if let field = section["command"] { gate.command = arguments(field, placeholders: []) ?? [] }
        if let field = section["http"] { gate.http = http(field) }

        let looks = ["checks", "command", "http"].contains { !section.lacks($0) }
        let waits = !section.lacks("soak") && soak != .zero || !section.lacks("approve") && approve != false
        if !looks, !waits {
            note(.warning, at: field.keyMark, "`gate` asks for nothing", hint: hint)
        } else if let every, let field = section["every"] {
            if !looks {
                note(
                    .warning,
                    at: field.keyMark,
                    "`every` repeats nothing",
                    hint: "it is for checks, command and http: add one, or take it out"
                )
            } else if section.lacks("soak") || soak.map({ every > $0 }) ?? false {
                note(
                    .warning,
                    at: field.keyMark,
                    "`every` is longer than the soak",
                    hint: "checks repeat during `soak` only: make it longer"
                )
            }
        }
        return gate
    }

    private func http(_ field: Field) -> String? {
        guard let text = text(field) else { return nil }
        guard let url = URL(string: text), ["http", "https"].contains(url.scheme?.lowercased()), let host = url.host, !host.isEmpty else {
            note(field, "`http` must be an http or https URL")
            return nil
        }
        return text
    }

    // MARK: Checks

    func checks(_ field: Field) -> [Check] {
        guard let items = list(field) else { return [] }
        if items.isEmpty { note(field, "`checks` is empty", hint: "list a check, or take the key out") }
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

    /// One statement: what it is beyond that, only the server knows.
    private func query(_ field: Field) -> String? {
        guard let text = text(field) else { return nil }
        var splitter = SQLSplitter(SourceText(path: file, text: text))
        var count = 0
        while let piece = splitter.next() {
            if case .statement = piece { count += 1 }
        }
        if let problem = splitter.problems.first {
            note(at: field.node.mark, "`sql` is no statement: \(problem.message)")
        } else if count == 0 {
            note(field, "`sql` holds no statement", hint: "write one that gives one row with one column")
        } else if count > 1 {
            note(field, "`sql` holds \(count) statements", hint: "a check is one query: make \(count) checks of it")
        } else {
            return text
        }
        return nil
    }

    private func expectation(_ field: Field) -> String? {
        guard let text = expanded(field)?.text else { return nil }
        if case .scalar(let scalar) = field.node.content, scalar.isPlain, ["true", "false"].contains(text) {
            note(
                .warning,
                at: field.node.mark,
                "`expect` is compared with text, and PostgreSQL writes a boolean as t or f",
                hint: text == "true"
                    ? "take it out: a check without `expect` wants true" : "write f, or put it in quotes where text is meant"
            )
        }
        return text
    }
}
