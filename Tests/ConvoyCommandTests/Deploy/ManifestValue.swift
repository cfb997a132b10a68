/// A value of a YAML file; a path that leads nowhere ends at `missing`.
enum ManifestValue: Sendable, Hashable, Decodable {
    case missing
    case bool(Bool)
    case number(Double)
    case text(String)
    case list([ManifestValue])
    case map([String: ManifestValue])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .missing
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .text(value)
        } else if let value = try? container.decode([ManifestValue].self) {
            self = .list(value)
        } else {
            self = .map(try container.decode([String: ManifestValue].self))
        }
    }

    subscript(key: String) -> ManifestValue {
        if case .map(let members) = self { members[key] ?? .missing } else { .missing }
    }

    /// The elements of a list; empty for everything else.
    var items: [ManifestValue] {
        if case .list(let items) = self { items } else { [] }
    }

    var members: [String: ManifestValue] {
        if case .map(let members) = self { members } else { [:] }
    }

    var text: String? {
        if case .text(let text) = self { text } else { nil }
    }

    var number: Int? {
        if case .number(let number) = self { Int(exactly: number) } else { nil }
    }

    /// The texts in a list.
    var texts: [String] { items.compactMap(\.text) }

    /// The objects in it, however deep, that have the key.
    func objects(with key: String) -> [ManifestValue] {
        switch self {
        case .list(let items): items.flatMap { $0.objects(with: key) }
        case .map(let members): (members[key] == nil ? [] : [self]) + members.values.flatMap { $0.objects(with: key) }
        case .missing, .bool, .number, .text: []
        }
    }
}
