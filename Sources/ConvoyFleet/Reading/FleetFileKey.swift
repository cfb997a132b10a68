import ConvoyMigrations
import ConvoyText

/// A key of the fleet file as its JSON Schema describes it: the one place that says what each key means.
package struct FleetFileKey: Sendable, Hashable {
    /// Where it stands: `rollout.waves[].gate.soak`, `servers.NAME.max_connections`. What all levels take stands under `defaults`.
    package var path: String
    /// One line, without a full stop.
    package var meaning: String
    /// What kind of value it takes: `duration`, `list`, or the words that it takes.
    package var type: String
    /// The value that holds without the key; nil if the schema names none.
    package var defaultValue: String?
    /// Whether what it stands in must have it.
    package var isRequired: Bool

    /// Its own name, the last part of the path.
    package var name: String { parts.last ?? path }

    /// The parts of the path, without the marks of lists.
    private var parts: [String] { Self.parts(of: path) }

    /// Whether `defaults`, servers, instances and `discover` all take it.
    package var isSetting: Bool { parts.count == 2 && parts.first == "defaults" }

    /// Whether a person means this key by a path, or by the end of one. A setting is also found under each level that takes it.
    package func isMeant(by word: String) -> Bool {
        let asked = Self.parts(of: word)
        guard let last = asked.last else { return false }
        if parts.suffix(asked.count).elementsEqual(asked) { return true }
        return isSetting && last == name && asked.count <= 3 && ["servers", "instances", "discover"].contains(asked.first)
    }

    private static func parts(of path: String) -> [String] {
        path.split(separator: ".").map { $0.hasSuffix("[]") ? String($0.dropLast(2)) : String($0) }
    }
}

extension FleetFileKey {
    /// The keys that a schema of the fleet file describes, in its order; those that all levels take are listed once, under `defaults`.
    package static func all(inSchema schema: [UInt8]) -> [FleetFileKey] {
        // JSON is YAML, and the reader keeps the order of the keys.
        let root: YAMLNode? = schema.withUnsafeBufferPointer { bytes in
            let result = Result { () throws(Problem) in try YAMLReader.read(bytes, file: "schema") }
            return try? result.get().node
        }
        guard let root else { return [] }
        var walk = SchemaWalk(root: root)
        walk.visit(root, at: "", depth: 0)
        return walk.keys
    }
}

/// One way through a schema, from its top to its last keys.
private struct SchemaWalk {
    let root: YAMLNode
    var keys: [FleetFileKey] = []

    /// The fleet file is not nested deeper; a schema that refers to itself ends here.
    private static let deepest = 8

    mutating func visit(_ schema: YAMLNode, at path: String, depth: Int) {
        guard depth < Self.deepest else { return }
        let schema = resolved(schema)
        for branch in [schema] + (schema["anyOf"]?.items ?? []).map(resolved) {
            let required = Set(branch["required"]?.items.compactMap(\.text) ?? [])
            for (name, property) in branch["properties"]?.members ?? [] {
                // A reference to a property means that another level describes the key.
                let isShared = property["$ref"]?.text?.contains("/properties/") == true
                guard !isShared || path == "defaults" else { continue }
                let target = resolved(property)
                let place = path.isEmpty ? name : "\(path).\(name)"
                guard let meaning = property["description"]?.text ?? target["description"]?.text else { continue }
                keys.append(
                    FleetFileKey(
                        path: place,
                        meaning: meaning,
                        type: type(property),
                        defaultValue: (property["default"] ?? target["default"])?.text,
                        isRequired: required.contains(name)
                    )
                )
                visit(target, at: place, depth: depth + 1)
            }
            if let items = branch["items"] { visit(items, at: "\(path)[]", depth: depth + 1) }
            if let values = branch["additionalProperties"], !values.members.isEmpty { visit(values, at: "\(path).NAME", depth: depth + 1) }
        }
    }

    /// What a reference leads to; a schema without a reference stays as it is.
    private func resolved(_ schema: YAMLNode) -> YAMLNode {
        var schema = schema
        for _ in 0..<Self.deepest where schema["$ref"] != nil { schema = step(schema) }
        return schema
    }

    /// What a person may write as the value, in a word or two.
    private func type(_ property: YAMLNode) -> String {
        var property = property
        for _ in 0..<Self.deepest {
            guard let reference = property["$ref"]?.text else { break }
            switch reference.split(separator: "/").last {
            case "duration", "positiveDuration": return "duration"
            case "boolean": return "true or false"
            case "percent": return "percentage"
            case "selector": return "selector"
            case "name": return "name"
            case "numberOrAge": return "number or age"
            case "url", "webURL", "secretURL": return "URL"
            default: property = step(property)
            }
        }
        let branches = [property] + (property["anyOf"]?.items ?? []).map(resolved)
        let words = branches.flatMap { $0["enum"]?.items.compactMap(\.text) ?? [] }.filter { !$0.isEmpty }
        if !words.isEmpty {
            var seen: Set<String> = []
            return words.filter { seen.insert($0).inserted }.joined(separator: ", ")
        }
        let types = branches.flatMap { branch in branch["type"].map { $0.items.isEmpty ? [$0] : $0.items } ?? [] }.compactMap(\.text)
        if types.contains("object") { return types.contains("string") ? "text or mapping" : "mapping" }
        if types.contains("array") { return types.contains("string") ? "text or list" : "list" }
        if types.contains("integer") { return "whole number" }
        return "text"
    }

    /// One reference further.
    private func step(_ schema: YAMLNode) -> YAMLNode {
        guard let reference = schema["$ref"]?.text, reference.hasPrefix("#/") else { return schema }
        var target: YAMLNode? = root
        for part in reference.dropFirst(2).split(separator: "/") { target = target?[String(part)] }
        return target ?? schema
    }
}

extension YAMLNode {
    fileprivate var text: String? {
        if case .scalar(let scalar) = content { scalar.text } else { nil }
    }

    fileprivate var items: [YAMLNode] {
        if case .sequence(let items) = content { items } else { [] }
    }

    fileprivate var members: [(name: String, value: YAMLNode)] {
        guard case .mapping(let pairs) = content else { return [] }
        return pairs.compactMap { pair in pair.key.text.map { ($0, pair.value) } }
    }

    fileprivate subscript(name: String) -> YAMLNode? {
        members.first { $0.name == name }?.value
    }
}
