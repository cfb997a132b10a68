internal import ConvoyMigrations
internal import ConvoyPostgres

/// Keys whose meaning is settled and checked, and that no command obeys yet.
extension FleetReader {
    func gate(_ field: Field, _ title: String) {
        noteUnsupported(field, of: title)
        guard let section = section(field, "`gate`", keys: ["soak", "approve", "checks", "command", "http"]) else { return }
        if section.fields.isEmpty { note(at: field.keyMark, "`gate` says nothing", hint: "write for example {soak: 10m}, or take it out") }
        _ = duration(section["soak"])
        _ = bool(section["approve"])
        if let field = section["checks"] { readChecks(field) }
        if let field = section["command"] { arguments(field, placeholders: []) }
        if let field = section["http"], let url = text(field), !["http://", "https://"].contains(where: url.hasPrefix) {
            note(field, "`http` must be an http or https URL")
        }
    }

    func onePer(_ field: Field, _ title: String) {
        noteUnsupported(field, of: title)
        guard let text = text(field) else { return }
        let key = text.hasPrefix("label.") ? text.dropFirst("label.".count) : ""
        guard text == "cohort" || !key.isEmpty && key.unicodeScalars.allSatisfy(SelectorParser.isKeyCharacter) else {
            note(field, "`one_per` must be cohort or a label", hint: "write for example label.region")
            return
        }
    }

    func checks(_ field: Field, of title: String) {
        noteUnsupported(field, of: title)
        readChecks(field)
    }

    private func readChecks(_ field: Field) {
        guard let items = list(field) else { return }
        if items.isEmpty { note(field, "`checks` is empty", hint: "list a check, or take the key out") }
        var lines: [String: Int] = [:]
        for item in items {
            guard let section = section(item, "a check", keys: ["name", "sql", "expect"]) else { continue }
            for key in ["name", "sql"] where section.lacks(key) {
                note(
                    at: section.mark,
                    "a check has no `\(key)`",
                    hint: "write for example {name: cars-readable, sql: \"SELECT count(*) >= 0 FROM cars\"}"
                )
            }
            _ = text(section["sql"])
            if let field = section["expect"] { _ = expanded(field) }
            guard let name = name(section["name"]) else { continue }
            if let line = lines.updateValue(section.mark.line, forKey: name) {
                note(at: section.mark, "two checks are called `\(name)`", hint: "the first one is on line \(line)")
            }
        }
    }

    // MARK: Hooks

    func hooks(_ field: Field) {
        noteUnsupported(field, of: "`rollout`")
        let ofRun = ["fleet", "run"]
        let ofWave = ofRun + ["wave"]
        let ofInstance = ofWave + ["name", "server", "database", "label."]
        let placeholders = [
            "before_run": ofRun, "after_run": ofRun, "before_wave": ofWave, "after_wave": ofWave, "before_instance": ofInstance,
            "after_instance": ofInstance,
        ]
        guard let section = section(field, "`hooks`", keys: Set(placeholders.keys)) else { return }
        if section.fields.isEmpty { note(at: field.keyMark, "`hooks` says nothing", hint: "list a hook, or take the key out") }
        for field in section.fields { arguments(field, placeholders: placeholders[field.key] ?? []) }
    }

    /// A program and its arguments.
    private func arguments(_ field: Field, placeholders: [String]) {
        let hint = "it is never a shell string: write [program, argument, …]"
        guard let items = list(field, hint: hint) else { return }
        if items.isEmpty { note(field, "`\(field.key)` names no program", hint: hint) }
        for (index, item) in items.enumerated() {
            guard let argument = expanded(item)?.text else { continue }
            if index == 0, argument.isEmpty { note(item, "`\(field.key)` names no program", hint: hint) }
            // The word itself is not shown: it may be a piece of a secret that is no placeholder at all.
            for word in Self.placeholders(argument) {
                let isKnown = placeholders.contains { $0.hasSuffix(".") ? word.hasPrefix($0) && word.count > $0.count : word == $0 }
                guard !isKnown else { continue }
                let known = placeholders.map { "{\($0.hasSuffix(".") ? "\($0)KEY" : $0)}" }.joined(separator: ", ")
                note(item, "nothing can be filled in for the word in braces", hint: known.isEmpty ? nil : "there is \(known)")
            }
        }
    }

    /// The words in single braces. Anything else in braces is the argument's own, for example `{{.Names}}` or JSON.
    static func placeholders(_ text: String) -> [String] {
        var words: [String] = []
        for (index, piece) in text.split(separator: "{", omittingEmptySubsequences: false).enumerated() where index > 0 {
            guard let end = piece.firstIndex(of: "}") else { continue }
            let word = piece[..<end]
            let follows = piece[piece.index(after: end)...].first
            if let first = word.first, first.isLetter, follows != "}", word.unicodeScalars.allSatisfy(SelectorParser.isKeyCharacter) {
                words.append(String(word))
            }
        }
        return words
    }

    // MARK: Window and journal

    func window(_ field: Field) {
        noteUnsupported(field, of: "`rollout`")
        guard let section = section(field, "`window`", keys: ["days", "from", "to", "timezone"]) else { return }
        let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
        if let items = list(section["days"]) {
            if items.isEmpty, let field = section["days"] { note(field, "`days` is empty", hint: "take it out to mean every day") }
            for item in items { _ = choice(item, among: days) }
        }
        for key in ["from", "to", "timezone"] where section.lacks(key) {
            note(
                at: section.mark,
                "`window` has no `\(key)`",
                hint: "write for example {from: \"01:00\", to: \"05:00\", timezone: Europe/Berlin}"
            )
        }
        let from = timeOfDay(section["from"])
        let to = timeOfDay(section["to"])
        if let from, from == to, let field = section["to"] { note(field, "the window has no length", hint: "let `from` and `to` differ") }
        if let field = section["timezone"], let zone = text(field) {
            let isZone = zone.unicodeScalars.allSatisfy { SelectorParser.isKeyCharacter($0) || $0 == "+" }
            if !isZone { note(field, "`timezone` is not the name of a time zone", hint: "write for example Europe/Berlin or UTC") }
        }
    }

    /// Minutes since midnight.
    private func timeOfDay(_ field: Field?) -> Int? {
        guard let field, let text = text(field) else { return nil }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        let areDigits = parts.allSatisfy { $0.count == 2 && $0.utf8.allSatisfy { (48...57).contains($0) } }
        guard parts.count == 2, areDigits, let hour = Int(parts[0]), let minute = Int(parts[1]), hour < 24, minute < 60 else {
            note(field, "`\(field.key)` is not a time of day", hint: "write hours and minutes in quotes, for example \"01:00\"")
            return nil
        }
        return hour * 60 + minute
    }

    func journal(_ field: Field) {
        noteUnsupported(field)
        guard let text = text(field), text.contains("://") else { return }
        guard ["postgres://", "postgresql://"].contains(where: text.hasPrefix), (try? ConnectionParameters(conninfo: text)) != nil else {
            note(field, "`journal` is neither a path nor a postgres:// URL")
            return
        }
    }
}
