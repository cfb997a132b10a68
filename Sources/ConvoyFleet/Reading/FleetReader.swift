import ConvoyIO
internal import ConvoyMigrations
import ConvoyText

/// Turns the nodes of a fleet file into a ``Fleet`` and notes every problem on the way.
///
/// Its readers return nil for a missing or wrong value, after reporting the problem; so a caller continues with what it has.
final class FleetReader {
    let file: String
    /// What relative paths start from, with a slash at its end; empty for the working directory.
    let directory: String
    let environment: [String: String]
    private(set) var problems: [Problem] = []
    /// Whether every instance of the list could be read so far that its name and labels are known.
    var instancesAreComplete = true
    /// The same for the waves.
    var wavesAreComplete = true
    /// Whether the servers' names are known.
    var serversAreComplete = true
    /// Whether it is known where the journal and the migrations are.
    var placesAreKnown = true
    /// What `${file:…}` gave, by path: thousands of instances may name the same file.
    var contents: [String: Result<String, FileReadError>] = [:]
    /// Where the problem of each missing variable and file stands in ``problems``, and the further lines that want it.
    private var missing: [String: (index: Int, lines: [Int])] = [:]
    /// Those of these files that other users of the machine can read.
    var exposedContents: Set<String> = []
    var secrets = SecretNotes()
    /// `secret_commands`: the names that the file gives, those included whose value is wrong, and those that can be asked.
    var secretCommandNames: Set<String> = []
    var secretCommandList: [SecretCommand] = []
    /// Asks them; made when ``secretCommandList`` is known.
    private(set) lazy var secretCommands = SecretCommands(secretCommandList, environment: environment)
    /// What the file asks them for.
    var secretReferences: Set<SecretReference> = []
    /// Whether the connection of a skipped instance is read: no command uses it, so that what is missing there is only a warning.
    var isReadingSkippedConnection = false
    /// A nearest word costs time in proportion to the number of candidates; a file with thousands of typing errors needs no more hints.
    private var hintBudget = 50

    init(file: String, environment: [String: String]) {
        self.file = file
        self.environment = environment
        directory = file.lastIndex(of: "/").map { String(file[...$0]) } ?? ""
    }

    // MARK: Problems

    func note(_ problem: Problem) {
        problems.append(problem)
    }

    func note(
        _ severity: Problem.Severity = .error,
        at mark: YAMLNode.Mark?,
        _ message: String,
        text: String? = nil,
        hint: String? = nil
    ) {
        note(Problem(severity, file: file, line: mark?.line, column: mark?.column, message, text: text, hint: hint))
    }

    /// Notes a problem with a value, which is shown unless it may hold a secret.
    ///
    /// An odd character in the value is named: what is wrong with it cannot be seen.
    func note(_ field: Field, _ message: String, hint: String? = nil) {
        guard let shown = field.shownText, let odd = OddCharacter(in: shown) else {
            note(at: field.node.mark, message, text: field.shownText, hint: hint)
            return
        }
        note(
            at: field.node.mark,
            "\(message); character \(odd.position) of it is \(odd.description)",
            text: shown,
            hint: [odd.hint, hint].compactMap(\.self).joined(separator: "; ")
        )
    }

    /// Warns of a character in a name that cannot be seen, or looks like another one: the name would look right and not be found.
    ///
    /// - Parameters:
    ///   - title: what the name is, for example `` `user` ``.
    ///   - text: with variables filled in.
    func noteOddCharacter(_ severity: Problem.Severity = .warning, in text: String, of title: String, _ field: Field) {
        guard let odd = OddCharacter(in: text) else { return }
        note(severity, at: field.node.mark, "character \(odd.position) of \(title) is \(odd.description)", hint: odd.hint)
    }

    /// Notes what a value needs and is not there, once however many values need it: the further lines are added to the first one's message.
    func noteMissing(_ thing: String, _ field: Field, _ message: String, hint: String?) {
        // Where another instance needs the same thing, it is an error of its own.
        let thing = isReadingSkippedConnection ? "skipped \(thing)" : thing
        guard let (index, known) = missing[thing] else {
            missing[thing] = (problems.count, [])
            note(field, message, hint: hint)
            if isReadingSkippedConnection { problems[problems.count - 1].severity = .warning }
            return
        }
        var lines = known
        if problems[index].line != field.node.mark.line, lines.last != field.node.mark.line { lines.append(field.node.mark.line) }
        missing[thing] = (index, lines)
        guard !lines.isEmpty else { return }
        let shown = lines.prefix(5).map(String.init).joined(separator: ", ")
        let more = lines.count > 5 ? " and \(lines.count - 5) more" : ""
        problems[index].message = "\(message), also needed on \(lines.count == 1 ? "line" : "lines") \(shown)\(more)"
    }

    /// “did you mean …?”, or the alternatives where they are few.
    func suggestion(for word: String, among candidates: some Collection<String>) -> String? {
        if hintBudget > 0 {
            hintBudget -= 1
            if let nearest = nearestWord(to: word, among: candidates.sorted()) { return "did you mean `\(nearest)`?" }
        }
        guard !candidates.isEmpty, candidates.count <= 16 else { return nil }
        return "available: \(candidates.sorted().map { "`\($0)`" }.joined(separator: ", "))"
    }

    // MARK: Mappings

    /// Reads a mapping.
    ///
    /// - Parameters:
    ///   - title: what it is, as messages call it, for example “a wave”.
    ///   - keys: what may stand in it; nil for names of the user's own.
    func section(_ field: Field, _ title: String, keys: Set<String>?) -> Section? {
        switch field.node.content {
        case .refused:
            return nil
        case .mapping(let pairs):
            return section(pairs, at: field.node.mark, title, keys: keys, isSecret: field.isSecret)
        default:
            let message = "\(title) must be a mapping of keys to values, not \(field.node.kind)"
            // A colon that only looks like one makes text of a mapping.
            if let shown = field.shownText, OddCharacter(in: shown) != nil {
                note(field, message)
            } else {
                note(at: field.node.mark, message)
            }
            return nil
        }
    }

    private func section(_ pairs: [YAMLNode.Pair], at mark: YAMLNode.Mark, _ title: String, keys: Set<String>?, isSecret: Bool) -> Section {
        var section = Section(title: title, mark: mark)
        for pair in pairs {
            guard case .scalar(let key) = pair.key.content else {
                if case .refused = pair.key.content { continue }
                note(at: pair.key.mark, "a key must be a word, not \(pair.key.kind)", hint: "text that begins with { or [ needs quotes")
                continue
            }
            let isEmpty = if case .scalar(let value) = pair.value.content { value.isNull } else { false }
            var shown: String? { Self.shownKey(key.text, isSecret: isSecret && isEmpty) }
            if let keys, !keys.contains(key.text) {
                // A key that reads like a known one is no piece of a password.
                if let odd = OddCharacter(in: key.text), keys.contains(OddCharacter.read(key.text)) {
                    note(
                        at: pair.key.mark,
                        "\(title) has no key `\(key.text)`: character \(odd.position) of it is \(odd.description)",
                        hint: "did you mean `\(OddCharacter.read(key.text))`?"
                    )
                    continue
                }
                // In {password: a,b} the key “b” is a piece of the password.
                if isEmpty || shown == nil {
                    note(
                        at: pair.key.mark,
                        "\(title) has an unknown key here",
                        hint: "text with a comma, a colon or braces in it needs quotes"
                    )
                } else {
                    note(at: pair.key.mark, "\(title) has no key `\(key.text)`", hint: suggestion(for: key.text, among: keys))
                }
                continue
            }
            var name: String { shown.map { "`\($0)`" } ?? "this key" }
            if let first = section[key.text] {
                note(at: pair.key.mark, "\(name) is given twice", hint: "the first one is on line \(first.keyMark.line)")
                continue
            }
            if isEmpty {
                note(at: pair.key.mark, "\(name) has no value", hint: "write a value, or remove the key")
                section.refuse(key.text)
                continue
            }
            if case .refused = pair.value.content {
                section.refuse(key.text)
                continue
            }
            section.add(
                Field(key: key.text, keyMark: pair.key.mark, node: pair.value, isInSecret: isSecret)
            )
        }
        return section
    }

    /// A key as messages may show it; nil if it looks like a piece of something else, perhaps of a password.
    private static func shownKey(_ key: String, isSecret: Bool) -> String? {
        guard !isSecret, !key.isEmpty, key.count <= 64, key.unicodeScalars.allSatisfy(SelectorParser.isKeyCharacter) else { return nil }
        return key
    }
}
