import ConvoyIO

/// A text with variables: `${env:NAME}`, `${env:NAME:-default}`, `${file:PATH}`, `${command:NAME:KEY}`, and `$$` for a dollar sign. Any other `$` is
/// itself.
struct Template {
    private(set) var parts: [Part] = []

    enum Part: Hashable {
        case literal(String)
        /// `fallback` serves where the variable is missing or empty.
        case variable(name: String, fallback: String?)
        case file(path: String)
        /// What a secret command will give.
        case command(SecretReference)
    }

    /// Why a text is not a template, in words that never repeat it.
    struct Failure: Error {
        var message: String
        var hint: String?
    }

    init(_ text: String) throws(Failure) {
        // By scalars: to Swift, a dollar sign with a combining mark after it is no dollar sign.
        var rest = text.unicodeScalars[...]
        var literal = ""
        while let dollar = rest.firstIndex(of: "$") {
            literal.unicodeScalars += rest[..<dollar]
            rest = rest[rest.index(after: dollar)...]
            if rest.first == "$" {
                literal += "$"
                rest.removeFirst()
            } else if rest.first == "{" {
                guard let end = rest.firstIndex(of: "}") else {
                    throw Failure(message: "“${” is not closed", hint: "write “}” after it, or “$$” for a dollar sign")
                }
                if !literal.isEmpty { parts.append(.literal(literal)) }
                literal = ""
                parts.append(try Self.part(Substring(rest[rest.index(after: rest.startIndex)..<end])))
                rest = rest[rest.index(after: end)...]
            } else {
                literal += "$"
            }
        }
        literal.unicodeScalars += rest
        if !literal.isEmpty { parts.append(.literal(literal)) }
    }

    private static func part(_ content: Substring) throws(Failure) -> Part {
        guard !content.unicodeScalars.contains("$"), !content.unicodeScalars.contains("{") else {
            throw Failure(message: "“${…}” cannot be nested", hint: "put the complete value into one variable")
        }
        if content.hasPrefix("file:") {
            let path = content.dropFirst("file:".count)
            guard !path.isEmpty else { throw Failure(message: "“${file:}” names no file", hint: "write ${file:/run/secrets/password}") }
            return .file(path: String(path))
        }
        if content.hasPrefix("command:") { return .command(try reference(content.dropFirst("command:".count))) }
        if content.hasPrefix("env:") {
            let text = content.dropFirst("env:".count)
            let name = text.prefix { $0 == "_" || $0.isASCII && ($0.isLetter || $0.isNumber) }
            let rest = text.dropFirst(name.count)
            if let first = name.first, !first.isNumber, rest.isEmpty || rest.hasPrefix(":-") {
                return .variable(name: String(name), fallback: rest.isEmpty ? nil : String(rest.dropFirst(2)))
            }
            throw Failure(message: "“${env:…}” names no variable", hint: "write ${env:NAME} or ${env:NAME:-default}")
        }
        throw Failure(
            message: "unknown kind of “${…}”",
            hint: "write ${env:NAME}, ${env:NAME:-default}, ${file:PATH} or ${command:NAME:KEY}; “$$” is a dollar sign"
        )
    }

    private static let longestKey = 256

    /// The key becomes a part of a program's arguments.
    private static func reference(_ text: Substring) throws(Failure) -> SecretReference {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
            throw Failure(
                message: "“${command:…}” names no secret command and key",
                hint: "write ${command:NAME:KEY}, for example ${command:vault:teslamate/alice}"
            )
        }
        let key = parts[1]
        guard key.utf8.first != UInt8(ascii: "-") else {
            throw Failure(message: "the key in “${command:…}” begins with “-”", hint: "a program would take it for an option")
        }
        guard key.utf8.count <= longestKey, key.utf8.allSatisfy(isKeyByte) else {
            throw Failure(
                message: "the key in “${command:…}” is not valid",
                hint: "use at most \(longestKey) ASCII letters, digits and . _ - / : @ + = , %"
            )
        }
        return SecretReference(command: String(parts[0]), key: String(key))
    }

    private static func isKeyByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: "._-/:@+=,%".utf8.contains(byte)
        }
    }
}
