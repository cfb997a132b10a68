import ConvoyIO
internal import ConvoyMigrations
import ConvoyText

extension FleetReader {
    /// A value with its variables filled in.
    struct Text {
        var text: String
        /// Whether all of it stands in the file itself.
        var isLiteral: Bool
        /// Where all of it comes from; nil if that is the file itself, or several places.
        var origin: String?
        /// What its variables and files have put into it.
        var pieces: [Piece] = []
        /// What secret commands will put into it, each where its mark stands in the text.
        var references: [SecretReference] = []

        /// Whether some of it is known only when a secret command was asked.
        var isLate: Bool { !references.isEmpty }
    }

    /// A part of a value that does not stand in the file itself.
    struct Piece {
        var text: String
        var variable: String?
        var file: String?
    }

    /// The largest file that `${file:…}` reads.
    private static let contentLimit = 64 << 10

    /// A single value; nil also for a mapping or a list.
    ///
    /// - Parameter canBeLate: whether the value is needed only when secret commands can be asked.
    func expanded(_ field: Field, canBeLate: Bool = false) -> Text? {
        guard case .scalar(let scalar) = field.node.content else {
            if case .refused = field.node.content { return nil }
            let hint = if case .mapping = field.node.content { "text that begins with { needs quotes" } else { nil as String? }
            note(field, "`\(field.key)` must be a single value, not \(field.node.kind)", hint: hint)
            return nil
        }
        guard !scalar.isNull else {
            note(field, "`\(field.key)` contains an empty value", hint: "write a value, or remove it")
            return nil
        }
        guard !scalar.text.utf8.contains(0) else {
            note(field, "`\(field.key)` contains a NUL character")
            return nil
        }
        guard scalar.text.utf8.contains(UInt8(ascii: "$")) else { return Text(text: scalar.text, isLiteral: true) }
        do {
            return expand(try Template(scalar.text), field, canBeLate: canBeLate)
        } catch {
            note(field, error.message, hint: error.hint)
            return nil
        }
    }

    private func expand(_ template: Template, _ field: Field, canBeLate: Bool) -> Text? {
        var expanded = Text(text: "", isLiteral: true)
        let isOnePart = template.parts.count == 1
        for part in template.parts {
            switch part {
            case .literal(let text):
                expanded.text += text
            case .variable(let name, let fallback):
                let value = environment[name]
                if let fallback, value ?? "" == "" {
                    expanded.text += fallback
                } else if let value {
                    expanded.text += value
                    expanded.isLiteral = false
                    expanded.pieces.append(Piece(text: value, variable: name))
                    if isOnePart { expanded.origin = "variable \(name)" }
                } else {
                    noteMissing(
                        "env:\(name)",
                        field,
                        "environment variable \(name) is not set",
                        hint: "set it, or give a default: ${env:\(name):-…}"
                    )
                    return nil
                }
            case .command(let reference):
                guard canBeLate else {
                    note(at: field.node.mark, "`\(field.key)` cannot come from a secret command", hint: Self.lateHint)
                    return nil
                }
                guard isDeclared(reference, field) else { return nil }
                expanded.text += Self.mark(expanded.references.count)
                expanded.references.append(reference)
                expanded.isLiteral = false
            case .file(let path):
                switch content(path) {
                case .success(let text):
                    expanded.text += text
                    expanded.isLiteral = false
                    expanded.pieces.append(Piece(text: text, file: path))
                    if isOnePart { expanded.origin = "file “\(path)”" }
                case .failure(let failure):
                    noteMissing(
                        "file:\(path)",
                        field,
                        "the file “\(path)” \(failure.reason)",
                        hint: failure.hint ?? "relative paths start at the directory of the fleet file"
                    )
                    return nil
                }
            }
        }
        return expanded
    }

    private func content(_ path: String) -> Result<String, FileReadError> {
        if let known = contents[path] { return known }
        let result: Result<String, FileReadError>
        do throws(FileReadError) {
            let contents = try readFileContents(resolve(path), limit: Self.contentLimit)
            if contents.isExposed { exposedContents.insert(path) }
            if let text = String(validating: contents.bytes, as: UTF8.self), !contents.bytes.contains(0) {
                result = .success(text.hasSuffix("\r\n") || text.hasSuffix("\n") ? String(text.dropLast()) : text)
            } else {
                result = .failure(FileReadError(.notUTF8))
            }
        } catch {
            result = .failure(error)
        }
        contents[path] = result
        return result
    }

    /// A path of the file as one that can be opened from here.
    func resolve(_ path: String) -> String {
        if path.hasPrefix("/") { return path }
        if path.hasPrefix("~/"), let home = environment["HOME"], !home.isEmpty { return home + path.dropFirst() }
        return directory + path
    }

    /// Text that is not empty.
    func text(_ field: Field?) -> String? {
        guard let field, let text = expanded(field)?.text else { return nil }
        guard !text.isEmpty else {
            note(field, "`\(field.key)` is empty")
            return nil
        }
        return text
    }

    /// A name: what reports, selectors and commands call something.
    func name(_ field: Field?) -> String? {
        guard let field, let text = text(field) else { return nil }
        guard Self.isName(text) else {
            note(
                field,
                "`\(field.key)` is not a valid name",
                hint: "use at most 128 ASCII letters, digits, “.”, “_” and “-”, and start with a letter or digit"
            )
            return nil
        }
        return text
    }

    static func isName(_ text: String) -> Bool {
        guard let first = text.utf8.first, first != UInt8(ascii: "."), first != UInt8(ascii: "_"), first != UInt8(ascii: "-") else {
            return false
        }
        return text.utf8.count <= 128 && text.unicodeScalars.allSatisfy { $0 != "/" && SelectorParser.isKeyCharacter($0) }
    }

    func integer(_ field: Field?, in range: ClosedRange<Int>) -> Int? {
        guard let field, let text = expanded(field)?.text else { return nil }
        guard text.utf8.allSatisfy({ (48...57).contains($0) }), let number = Int(text), range.contains(number) else {
            let bounds = range.upperBound == .max ? "of at least \(range.lowerBound)" : "from \(range.lowerBound) to \(range.upperBound)"
            note(field, "`\(field.key)` must be a whole number \(bounds)")
            return nil
        }
        return number
    }

    /// More than 0 and at most 100, with or without a percent sign.
    func percent(_ field: Field?) -> Double? {
        guard let field, let text = expanded(field)?.text else { return nil }
        let digits = text.hasSuffix("%") ? text.dropLast() : Substring(text)
        guard digits.allSatisfy({ $0.isASCII && ($0.isNumber || $0 == ".") }), let number = Double(digits), number > 0, number <= 100 else {
            note(field, "`\(field.key)` must be a percentage: more than 0 and at most 100")
            return nil
        }
        return number
    }

    /// A duration of at most 24 days, which is what a PostgreSQL time-out can hold.
    func duration(_ field: Field?, atLeast minimum: Duration = .zero) -> Duration? {
        guard let field, let text = expanded(field)?.text else { return nil }
        guard let duration = Duration(text: text) else {
            let isNumber = !text.isEmpty && text.allSatisfy { $0.isASCII && $0.isNumber }
            note(
                field,
                "`\(field.key)` is not a duration",
                hint: isNumber
                    ? "give it a unit, for example \(text)s" : "write a number and a unit (ms, s, m, h, d), for example 800ms or 1m30s"
            )
            return nil
        }
        guard duration >= minimum else {
            note(
                field,
                "`\(field.key)` is too short",
                hint: minimum == .milliseconds(1) ? "it must be more than zero" : "it must be at least \(minimum)"
            )
            return nil
        }
        guard duration.milliseconds <= Int64(Int32.max) else {
            note(field, "`\(field.key)` is too long", hint: "the maximum is 24 days")
            return nil
        }
        return duration
    }

    func bool(_ field: Field?) -> Bool? {
        guard let field, let text = expanded(field)?.text else { return nil }
        switch text {
        case "true": return true
        case "false": return false
        default:
            note(field, "`\(field.key)` must be true or false")
            return nil
        }
    }

    func choice(_ field: Field?, among words: [String]) -> String? {
        guard let field, let text = expanded(field)?.text else { return nil }
        guard words.contains(text) else {
            note(field, "`\(field.key)` must be one of \(words.joined(separator: ", "))")
            return nil
        }
        return text
    }

    /// The values of a list, each still to be read. A single value is refused with the hint, unless `allowsSingle`.
    func list(_ field: Field?, allowsSingle: Bool = false, hint: String? = nil) -> [Field]? {
        guard let field else { return nil }
        switch field.node.content {
        case .sequence(let items): return items.map(field.item)
        case .refused: return nil
        case .scalar where allowsSingle: return [field]
        default:
            note(field, "`\(field.key)` must be a list, not \(field.node.kind)", hint: hint ?? "write [a, b], or one “- ” line for each")
            return nil
        }
    }
}
