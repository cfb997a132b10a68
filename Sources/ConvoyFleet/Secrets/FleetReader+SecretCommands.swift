import ConvoyIO
internal import ConvoyMigrations
import ConvoyPostgres
import ConvoyText

/// Secrets that programs give: `secret_commands`, and `${command:NAME:KEY}` where a value is needed only when they can be asked.
extension FleetReader {
    static let secretCommandKeys: Set<String> = ["run", "ttl", "timeout", "environment"]
    private static let longestTimeToLive = Duration.seconds(24 * 3600)
    private static let timeouts = Duration.milliseconds(100)...Duration.seconds(300)

    static let lateHint =
        "secret commands are asked when a connection is opened: they give passwords, `secrets`, and the URL and headers of a notification"

    // MARK: The commands

    /// Reads `secret_commands`.
    func readSecretCommands(_ field: Field) {
        guard let section = section(field, "`secret_commands`", keys: nil) else { return }
        secretCommandNames = Set(section.fields.map(\.key) + section.refusedKeys)
        if section.fields.isEmpty, section.refusedKeys.isEmpty {
            note(field, "`secret_commands` is empty", hint: "describe a command, or remove the key")
        }
        for field in section.fields {
            guard Self.isName(field.key) else {
                note(at: field.keyMark, "a secret command's name is not valid", hint: "use ASCII letters, digits, “.”, “_” and “-”")
                continue
            }
            if let command = secretCommand(field) { secretCommandList.append(command) }
        }
    }

    private func secretCommand(_ field: Field) -> SecretCommand? {
        let name = field.key
        let title = "secret command `\(name)`"
        guard let section = section(field, title, keys: Self.secretCommandKeys) else { return nil }
        if section.lacks("run") {
            note(at: section.mark, "\(title) has no `run`", hint: "write run: [program, argument, \"{key}\"]")
        }
        let run = section["run"].flatMap { self.arguments($0, placeholders: ["key"]) }
        let timeToLive = duration(section["ttl"])
        if let timeToLive, timeToLive > Self.longestTimeToLive, let field = section["ttl"] {
            note(field, "`ttl` is too long", hint: "the maximum is 24h")
            return nil
        }
        let timeout = duration(section["timeout"], atLeast: Self.timeouts.lowerBound)
        if let timeout, timeout > Self.timeouts.upperBound, let field = section["timeout"] {
            note(field, "`timeout` is too long", hint: "the maximum is 5m, because connections wait for the program")
            return nil
        }
        let environment = list(section["environment"], allowsSingle: true).map { Set($0.compactMap(variable)) }
        guard let run, let field = section["run"], let program = self.program(run[0], field) else { return nil }
        // No argument can hold a NUL character.
        let pieces = run.dropFirst().map { argument in
            Placeholders.fill(argument) { _ in "\0" }.split(separator: "\0", omittingEmptySubsequences: false).map(String.init)
        }
        guard pieces.contains(where: { $0.count > 1 }) else {
            note(at: field.keyMark, "the arguments of \(title) have no {key}", hint: "write \"{key}\" where the program takes a key")
            return nil
        }
        return SecretCommand(
            name: name,
            program: program,
            arguments: pieces,
            environment: environment ?? [],
            timeToLive: timeToLive ?? SecretCommand.standardTimeToLive,
            timeout: timeout ?? SecretCommand.standardTimeout
        )
    }

    /// The program as it can be started from anywhere; a path starts at the fleet file, as all paths of the file do.
    private func program(_ program: String, _ field: Field) -> String? {
        guard Placeholders.words(in: program).isEmpty else {
            note(at: field.node.mark, "the program of a secret command cannot contain {key}", hint: "put it into an argument")
            return nil
        }
        return program.contains("/") ? resolve(program) : program
    }

    // MARK: Values

    /// Whether a value asks a command that the file describes.
    func isDeclared(_ reference: SecretReference, _ field: Field) -> Bool {
        guard isDeclared(command: reference.command, field) else { return false }
        secretReferences.insert(reference)
        return true
    }

    /// The same for a command whose key is not known yet.
    func isDeclared(command: String, _ field: Field) -> Bool {
        if secretCommandNames.contains(command) { return true }
        // It is not shown: it may be a piece of something else.
        let hint =
            secretCommandNames.isEmpty ? "describe it under `secret_commands`" : suggestion(for: command, among: secretCommandNames)
        note(at: field.node.mark, "“${command:…}” names an unknown secret command", hint: hint)
        return false
    }

    /// What stands for the secret of a command in a text that is taken apart before the secret is known. Both scalars are private ones.
    static func mark(_ index: Int) -> String { "\u{10FF00}\(index)\u{10FF01}" }

    /// Whether secrets of commands stand in a part of a value.
    func holdsLate(_ part: String, _ value: Text) -> Bool {
        value.references.indices.contains { part.unicodeScalars.firstRange(of: Self.mark($0).unicodeScalars) != nil }
    }

    /// Whether a value takes something from a secret command.
    func asksCommand(_ field: Field) -> Bool {
        guard case .scalar(let scalar) = field.node.content, let template = try? Template(scalar.text) else { return false }
        return template.parts.contains { if case .command = $0 { true } else { false } }
    }

    /// Whether a value is nothing but the secret of a command.
    func isOnlyLate(_ value: Text) -> Bool { value.references.count == 1 && value.text == Self.mark(0) }

    /// A part of a value with the secrets of commands in it.
    func late(_ part: String, _ value: Text, isExact: Bool = false) -> LateSecret {
        var pieces: [LateSecret.Piece] = []
        // By scalars: to Swift, a mark with a combining mark after it is another character.
        var rest = part.unicodeScalars[...]
        for (index, reference) in value.references.enumerated() {
            guard let mark = rest.firstRange(of: Self.mark(index).unicodeScalars) else { continue }
            if mark.lowerBound > rest.startIndex { pieces.append(.text(Secret(String(rest[..<mark.lowerBound])))) }
            pieces.append(.reference(reference))
            rest = rest[mark.upperBound...]
        }
        if !rest.isEmpty { pieces.append(.text(Secret(String(rest)))) }
        return LateSecret(pieces, isExact: isExact, commands: secretCommands)
    }
}
