/// A value of the fleet file with the key that it stands under.
struct Field {
    var key: String
    var keyMark: YAMLNode.Mark
    var node: YAMLNode
    /// Whether it stands in something that may hold secrets.
    var isInSecret: Bool

    /// Whether no message may show the value.
    var isSecret: Bool { isInSecret || Self.isSecret(key: key) }

    /// Whether what stands under a key may hold a secret, or hold something that does.
    private static func isSecret(key: String) -> Bool {
        switch key {
        case "password", "sslpassword", "url", "direct", "admin", "secrets", "journal", "control", "command", "http", "hooks", "headers",
            "secret_commands":
            true
        default: false
        }
    }

    /// The value as the file has it, variables not filled in, cut to a line; nil if it may hold a secret or is more than one value.
    var shownText: String? {
        guard !isSecret, case .scalar(let scalar) = node.content, !scalar.text.isEmpty else { return nil }
        // A user's own key that sounds like a secret's, or a connection string under the wrong key.
        guard !["pass", "secret", "token"].contains(where: key.lowercased().contains) else { return nil }
        guard !scalar.text.contains("://"), !scalar.text.lowercased().contains("password") else { return nil }
        let limit = 80
        var shown = String.UnicodeScalarView()
        for scalar in scalar.text.unicodeScalars.prefix(limit) {
            shown.append(scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value) ? " " : scalar)
        }
        return scalar.text.unicodeScalars.count > limit ? "\(String(shown))…" : String(shown)
    }

    /// The same place and care for one of the values in a list.
    func item(_ node: YAMLNode) -> Field {
        Field(key: key, keyMark: keyMark, node: node, isInSecret: isInSecret)
    }
}

/// A mapping of the fleet file: its known keys that have a value, in the file's order.
struct Section {
    let title: String
    let mark: YAMLNode.Mark
    private(set) var fields: [Field] = []
    /// Keys that are there, but whose value was refused.
    private(set) var refusedKeys: [String] = []
    /// Where each key's field is; kept only for large mappings, since the instances of a large fleet are many small ones.
    private var indices: [String: Int] = [:]
    private static let linearLimit = 16

    init(title: String, mark: YAMLNode.Mark) {
        self.title = title
        self.mark = mark
    }

    subscript(key: String) -> Field? {
        if fields.count > Self.linearLimit { return indices[key].map { fields[$0] } }
        return fields.first { $0.key == key }
    }

    /// Whether the file does not give a key, and no problem with it was reported either.
    func lacks(_ key: String) -> Bool {
        self[key] == nil && !refusedKeys.contains(key)
    }

    mutating func refuse(_ key: String) {
        refusedKeys.append(key)
    }

    mutating func add(_ field: Field) {
        fields.append(field)
        if fields.count == Self.linearLimit + 1 {
            indices = Dictionary(fields.enumerated().map { ($1.key, $0) }) { first, _ in first }
        } else if fields.count > Self.linearLimit {
            indices[field.key] = fields.count - 1
        }
    }
}
