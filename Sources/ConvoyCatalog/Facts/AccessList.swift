import ConvoyInstance

/// Who may do what with an object, as the server prints it: `{teslamate=arwdDxt/teslamate,=r/teslamate}`.
struct AccessList: Hashable {
    /// One privilege of a role.
    struct Item: Hashable {
        /// The role's name; nil for PUBLIC.
        var grantee: String?
        /// For example `SELECT` or `SELECT with grant option`.
        var privilege: String
    }

    var items: Set<Item>

    /// Nil for a text that no server prints. MAINTAIN, which not every release has, is left out.
    init?(_ text: String) {
        guard let elements = ServerArray.elements(text) else { return nil }
        items = []
        for element in elements {
            guard let element, let read = Self.items(of: element) else { return nil }
            items.formUnion(read)
        }
    }

    private init(_ privileges: [(grantee: String?, letters: String)]) {
        items = []
        for (grantee, letters) in privileges {
            for letter in letters { items.insert(Item(grantee: grantee, privilege: Self.names[letter] ?? "")) }
        }
    }

    /// What the server grants by itself.
    static func ofTable(owner: String) -> Self { Self([(owner, "arwdDxt")]) }
    static func ofSequence(owner: String) -> Self { Self([(owner, "rwU")]) }
    static func ofFunction(owner: String) -> Self { Self([(nil, "X"), (owner, "X")]) }
    static func ofType(owner: String) -> Self { Self([(nil, "U"), (owner, "U")]) }
    static func ofSchema(owner: String) -> Self { Self([(owner, "UC")]) }
    /// A column has only what was granted.
    static let ofColumn = Self([])

    private static let names: [Character: String] = [
        "r": "SELECT", "w": "UPDATE", "a": "INSERT", "d": "DELETE", "D": "TRUNCATE", "x": "REFERENCES", "t": "TRIGGER", "X": "EXECUTE",
        "U": "USAGE",
        "C": "CREATE", "T": "TEMPORARY", "c": "CONNECT", "s": "SET", "A": "ALTER SYSTEM", "m": "MAINTAIN",
    ]

    /// `grantee=privileges/grantor`; the name is in quotes where it is not plain.
    private static func items(of text: String) -> [Item]? {
        var scalars = text.unicodeScalars[...]
        var name = String.UnicodeScalarView()
        if scalars.first == "\"" {
            scalars.removeFirst()
            while let scalar = scalars.popFirst() {
                if scalar == "\"" {
                    guard scalars.first == "\"" else { break }
                    scalars.removeFirst()
                }
                name.append(scalar)
            }
        } else {
            while let scalar = scalars.first, scalar != "=" {
                name.append(scalar)
                scalars.removeFirst()
            }
        }
        guard scalars.popFirst() == "=" else { return nil }
        let grantee = name.isEmpty ? nil : String(name)
        var items: [Item] = []
        while let scalar = scalars.popFirst(), scalar != "/" {
            guard let privilege = names[Character(scalar)] else { return nil }
            let isGrantable = scalars.first == "*"
            if isGrantable { scalars.removeFirst() }
            guard privilege != "MAINTAIN" else { continue }
            items.append(Item(grantee: grantee, privilege: isGrantable ? "\(privilege) with grant option" : privilege))
        }
        return items
    }

    /// The list with words for the roles: `PUBLIC SELECT; owner DELETE, INSERT`; nil if no role has a privilege.
    func text(_ word: (_ grantee: String?) -> String) -> String? {
        var privileges: [String: Set<String>] = [:]
        for item in items { privileges[word(item.grantee), default: []].insert(item.privilege) }
        guard !privileges.isEmpty else { return nil }
        return privileges.keys.sortedByBytes().map { who in "\(who) \((privileges[who] ?? []).sortedByBytes().joined(separator: ", "))" }
            .joined(separator: "; ")
    }
}

extension Sequence<String> {
    /// In the order that is the same in each locale.
    func sortedByBytes() -> [String] { sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) } }
}
