internal import ConvoyMigrations
import ConvoyText

extension FleetReader {
    func hooks(_ field: Field) -> Hooks {
        var hooks = Hooks()
        let keys = Set(HookPoint.allCases.map(\.rawValue))
        guard let section = section(field, "`hooks`", keys: keys.union(["timeout", "environment"])) else { return hooks }
        if !section.fields.contains(where: { keys.contains($0.key) || $0.key == "environment" }), section.refusedKeys.isEmpty {
            note(at: field.keyMark, "`hooks` is empty", hint: "list a hook, or remove the key")
        }
        if let timeout = duration(section["timeout"], atLeast: .milliseconds(1)) { hooks.timeout = timeout }
        if let items = list(section["environment"], allowsSingle: true) { hooks.environment = Set(items.compactMap(variable)) }
        for point in HookPoint.allCases {
            guard let field = section[point.rawValue] else { continue }
            hooks.commands[point] = arguments(field, placeholders: Self.placeholders(of: point))
        }
        return hooks
    }

    /// The name of a variable, which is no secret; its value may be one.
    func variable(_ item: Field) -> String? {
        guard let name = text(item) else { return nil }
        let isName = name.utf8.allSatisfy {
            $0 == UInt8(ascii: "_") || ("a"..."z").contains(Unicode.Scalar($0)) || ("A"..."Z").contains(Unicode.Scalar($0))
                || ("0"..."9").contains(Unicode.Scalar($0))
        }
        guard isName else {
            note(
                at: item.node.mark,
                "`environment` must list the names of variables",
                hint: "write for example [DOCKER_TLS_VERIFY, SLACK_TOKEN]"
            )
            return nil
        }
        return name
    }

    /// What can be filled in; one that ends with a full stop stands for all words that begin with it.
    static func placeholders(of point: HookPoint) -> [String] {
        switch point {
        case .beforeRun, .afterRun: ["fleet", "run"]
        case .beforeWave, .afterWave: ["fleet", "run", "wave"]
        case .beforeInstance, .afterInstance: ["fleet", "run", "wave", "name", "server", "database", "label."]
        }
    }

    /// A program and its arguments; nil if they cannot be run as they are.
    func arguments(_ field: Field, placeholders: [String]) -> [String]? {
        let hint = "it is not a shell string: write [program, argument, …]"
        guard let items = list(field, hint: hint) else { return nil }
        if items.isEmpty { note(field, "`\(field.key)` names no program", hint: hint) }
        var arguments: [String] = []
        for (index, item) in items.enumerated() {
            guard let argument = expanded(item) else { continue }
            if index == 0, argument.text.allSatisfy(\.isWhitespace) { note(item, "`\(field.key)` names no program", hint: hint) }
            if index > 0, !argument.isLiteral {
                note(
                    .warning,
                    at: item.node.mark,
                    "every user of this machine can read a program's arguments",
                    hint: "if this is a secret, let the program read it from a file or from its environment"
                )
            }
            noteUnknownPlaceholders(argument.text, item, known: placeholders)
            arguments.append(argument.text)
        }
        return arguments.count == items.count && !arguments.isEmpty ? arguments : nil
    }

    private func noteUnknownPlaceholders(_ argument: String, _ item: Field, known: [String]) {
        for word in Placeholders.words(in: argument) {
            let isKnown = known.contains { $0.hasSuffix(".") ? word.hasPrefix($0) && word.count > $0.count : word == $0 }
            guard !isKnown else { continue }
            let all = known.map { "{\($0.hasSuffix(".") ? "\($0)KEY" : $0)}" }.joined(separator: ", ")
            // The word itself is not shown: it may be part of a secret and not a placeholder at all.
            note(item, "the word in braces is not a known placeholder", hint: all.isEmpty ? nil : "available: \(all)")
        }
    }
}
