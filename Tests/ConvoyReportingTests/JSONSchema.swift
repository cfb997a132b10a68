import ConvoyReporting
import ConvoyRollout
import ConvoyText
import Foundation
import Testing

/// As much of JSON Schema as the published schemas use.
struct JSONSchema {
    private let root: [String: Any]

    /// Reads `docs/schemas/<name>-1.json`.
    init(named name: String, from file: String = #filePath) throws {
        let repository = URL(fileURLWithPath: file).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let data = try Data(contentsOf: repository.appending(path: "docs/schemas/\(name)-1.json"))
        guard let root = try JSONSerialization.jsonObject(with: data) as? [String: Any] else { throw CocoaError(.fileReadCorruptFile) }
        self.root = root
    }

    /// Everything that does not fit, each with its place.
    func problems(in value: Any) -> [String] { problems(value, root, "$") }

    private func problems(_ value: Any, _ schema: [String: Any], _ place: String) -> [String] {
        if let reference = schema["$ref"] as? String {
            let definitions = root["$defs"] as? [String: Any]
            guard let target = definitions?[reference.replacingOccurrences(of: "#/$defs/", with: "")] as? [String: Any] else {
                return ["\(place): \(reference) is not defined"]
            }
            return problems(value, target, place)
        }
        if let choices = schema["oneOf"] as? [[String: Any]] {
            let results = choices.map { problems(value, $0, place) }
            return results.contains([]) ? [] : results.last ?? []
        }
        var found: [String] = []
        if let constant = schema["const"] as? String, value as? String != constant { found.append("\(place): not \(constant)") }
        if let allowed = schema["enum"] as? [String], !allowed.contains(value as? String ?? "") {
            found.append("\(place): not one of the allowed values")
        }
        if let type = schema["type"] {
            let types = type as? [String] ?? [type as? String ?? ""]
            if !types.contains(where: { isOf($0, value) }) { return found + ["\(place): not \(types.joined(separator: " or "))"] }
        }
        if let pattern = schema["pattern"] as? String, let text = value as? String,
            text.range(of: pattern, options: .regularExpression) == nil
        {
            found.append("\(place): does not match \(pattern)")
        }
        if let minimum = schema["minimum"] as? Double, let number = value as? Double, number < minimum {
            found.append("\(place): below \(minimum)")
        }
        if let members = value as? [String: Any] { found += problems(ofMembers: members, schema, place) }
        if let elements = value as? [Any], let items = schema["items"] as? [String: Any] {
            for (index, element) in elements.enumerated() { found += problems(element, items, "\(place)[\(index)]") }
        }
        return found
    }

    private func problems(ofMembers members: [String: Any], _ schema: [String: Any], _ place: String) -> [String] {
        let properties = schema["properties"] as? [String: [String: Any]] ?? [:]
        var found = (schema["required"] as? [String] ?? []).filter { members[$0] == nil }.map { "\(place).\($0): missing" }
        for (key, member) in members {
            if let names = schema["propertyNames"] as? [String: Any] { found += problems(key, names, "\(place).\(key)") }
            if let property = properties[key] {
                found += problems(member, property, "\(place).\(key)")
            } else if let others = schema["additionalProperties"] as? [String: Any] {
                found += problems(member, others, "\(place).\(key)")
            } else if !properties.isEmpty {
                // The schemas allow new keys; what is written today must be documented.
                found.append("\(place).\(key): not documented")
            }
        }
        return found
    }

    private func isOf(_ type: String, _ value: Any) -> Bool {
        switch type {
        case "null": value is NSNull
        case "string": value is String
        case "integer": (value as? NSNumber).map { $0.doubleValue == $0.doubleValue.rounded() } ?? false
        case "number": value is NSNumber
        case "array": value is [Any]
        case "object": value is [String: Any]
        default: false
        }
    }
}

extension JSONValue: CustomTestStringConvertible {
    /// A whole document as a test's argument would fill pages.
    package var testDescription: String { "a document of \(text.utf8.count) bytes" }
}
