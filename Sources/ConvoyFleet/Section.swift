/// A value of the fleet file with the key that it stands under.
struct Field {
    var key: String
    var keyMark: YAMLNode.Mark
    var node: YAMLNode
    /// Whether no message may show the value.
    var isSecret: Bool

    /// Whether what stands under a key may hold a secret, or hold something that does.
    static func isSecret(key: String) -> Bool {
        switch key {
        case "url", "direct", "admin", "secrets", "journal", "command", "http", "hooks": true
        default: ["pass", "secret", "token"].contains { key.contains($0) }
        }
    }

    /// The value as the file has it, variables not filled in, cut to a line; nil where it may hold a secret or is more than one value.
    var shownText: String? {
        guard !isSecret, case .scalar(let scalar) = node.content, !scalar.text.isEmpty else { return nil }
        // A connection string that stands under the wrong key.
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
        Field(key: key, keyMark: keyMark, node: node, isSecret: isSecret)
    }
}

/// A mapping of the fleet file: its known keys that have a value, in the file's order.
struct Section {
    let title: String
    let mark: YAMLNode.Mark
    private(set) var fields: [Field] = []
    private var indices: [String: Int] = [:]
    /// Keys that are there, but whose value was refused.
    private var refusedKeys: Set<String> = []

    init(title: String, mark: YAMLNode.Mark) {
        self.title = title
        self.mark = mark
    }

    subscript(key: String) -> Field? {
        indices[key].map { fields[$0] }
    }

    /// Whether the file has nothing to say on a key, and no problem with it was told either.
    func lacks(_ key: String) -> Bool {
        indices[key] == nil && !refusedKeys.contains(key)
    }

    mutating func refuse(_ key: String) {
        refusedKeys.insert(key)
    }

    mutating func add(_ field: Field) {
        indices[field.key] = fields.count
        fields.append(field)
    }
}
