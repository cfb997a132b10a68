import Foundation

/// As much of JSON Schema (draft 2020-12) as the published schemas use.
public struct JSONSchema {
    private let root: [String: Any]

    /// Reads `docs/schemas/<name>-1.json`.
    public init(named name: String) throws {
        try self.init(Data(contentsOf: URL(fileURLWithPath: "\(repositoryRoot)/docs/schemas/\(name)-1.json")))
    }

    /// Reads a schema of a test's own.
    public init(text: String) throws { try self.init(Data(text.utf8)) }

    private init(_ data: Data) throws {
        guard let root = try JSONSerialization.jsonObject(with: data) as? [String: Any] else { throw CocoaError(.fileReadCorruptFile) }
        self.root = root
    }

    /// Everything that does not fit, each with its place.
    ///
    /// A document may only have keys that its schema describes, although the schema allows new ones: what is written today must be documented.
    public func problems(in value: Any) -> [String] { problems(value, root, "$") }

    /// - Parameter isWhole: false for a schema that states a condition and does not describe the whole value.
    private func problems(_ value: Any, _ schema: [String: Any], _ place: String, isWhole: Bool = true) -> [String] {
        var found: [String] = []
        if let reference = schema["$ref"] as? String {
            guard let target = target(of: reference) else { return ["\(place): \(reference) is not defined"] }
            found += problems(value, target, place, isWhole: isWhole)
        }
        for (keyword, isCondition) in [("oneOf", false), ("anyOf", true)] {
            guard let choices = schema[keyword] as? [[String: Any]] else { continue }
            let results = choices.map { problems(value, $0, place, isWhole: !isCondition) }
            if !results.contains([]) { found += results.last ?? [] }
        }
        if let refused = schema["not"] as? [String: Any], problems(value, refused, place, isWhole: false).isEmpty {
            found.append("\(place): fits what is refused")
        }
        if let constant = schema["const"], !isEqual(constant, value) { found.append("\(place): not \(constant)") }
        if let allowed = schema["enum"] as? [Any], !allowed.contains(where: { isEqual($0, value) }) {
            found.append("\(place): not one of the allowed values")
        }
        if let type = schema["type"] {
            let types = type as? [String] ?? [type as? String ?? ""]
            if !types.contains(where: { isOf($0, value) }) { return found + ["\(place): not \(types.joined(separator: " or "))"] }
        }
        if let text = value as? String { found += problems(ofText: text, schema, place) }
        if let number = value as? NSNumber, !isBoolean(number) { found += problems(ofNumber: number.doubleValue, schema, place) }
        if let members = value as? [String: Any] { found += problems(ofMembers: members, schema, place, isWhole: isWhole) }
        if let elements = value as? [Any] { found += problems(ofElements: elements, schema, place) }
        return found
    }

    private func target(of reference: String) -> [String: Any]? {
        var target: Any? = root
        for part in reference.dropFirst("#/".count).split(separator: "/") { target = (target as? [String: Any])?[String(part)] }
        return target as? [String: Any]
    }

    private func problems(ofText text: String, _ schema: [String: Any], _ place: String) -> [String] {
        var found: [String] = []
        if let pattern = schema["pattern"] as? String {
            // A pattern that cannot be read would let everything pass, or nothing.
            guard let expression = try? NSRegularExpression(pattern: pattern) else { return ["\(place): \(pattern) is no pattern"] }
            if expression.firstMatch(in: text, range: NSRange(location: 0, length: text.utf16.count)) == nil {
                found.append("\(place): does not match \(pattern)")
            }
        }
        let length = text.unicodeScalars.count
        if let least = schema["minLength"] as? Int, length < least { found.append("\(place): too short") }
        if let most = schema["maxLength"] as? Int, length > most { found.append("\(place): too long") }
        return found
    }

    private func problems(ofNumber number: Double, _ schema: [String: Any], _ place: String) -> [String] {
        var found: [String] = []
        if let minimum = schema["minimum"] as? Double, number < minimum { found.append("\(place): below \(minimum)") }
        if let minimum = schema["exclusiveMinimum"] as? Double, number <= minimum { found.append("\(place): not above \(minimum)") }
        if let maximum = schema["maximum"] as? Double, number > maximum { found.append("\(place): above \(maximum)") }
        return found
    }

    private func problems(ofMembers members: [String: Any], _ schema: [String: Any], _ place: String, isWhole: Bool) -> [String] {
        let properties = schema["properties"] as? [String: [String: Any]] ?? [:]
        var found = (schema["required"] as? [String] ?? []).filter { members[$0] == nil }.map { "\(place).\($0): missing" }
        if let least = schema["minProperties"] as? Int, members.count < least { found.append("\(place): too few keys") }
        for (key, member) in members {
            if let names = schema["propertyNames"] as? [String: Any] { found += problems(key, names, "\(place).\(key)") }
            if let property = properties[key] {
                found += problems(member, property, "\(place).\(key)", isWhole: isWhole)
            } else if let others = schema["additionalProperties"] as? [String: Any] {
                found += problems(member, others, "\(place).\(key)", isWhole: isWhole)
            } else if schema["additionalProperties"] as? Bool == false || isWhole && !properties.isEmpty {
                found.append("\(place).\(key): not documented")
            }
        }
        return found
    }

    private func problems(ofElements elements: [Any], _ schema: [String: Any], _ place: String) -> [String] {
        var found: [String] = []
        if let least = schema["minItems"] as? Int, elements.count < least { found.append("\(place): too few values") }
        let first = schema["prefixItems"] as? [[String: Any]] ?? []
        for (index, element) in elements.enumerated() {
            guard let items = index < first.count ? first[index] : schema["items"] as? [String: Any] else { continue }
            found += problems(element, items, "\(place)[\(index)]")
        }
        return found
    }

    /// To Foundation `true` is also the number 1.
    private func isBoolean(_ number: NSNumber) -> Bool { String(cString: number.objCType) == "c" }

    private func isEqual(_ left: Any, _ right: Any) -> Bool {
        switch (left, right) {
        case (let left as String, let right as String): left == right
        case (let left as NSNumber, let right as NSNumber): isBoolean(left) == isBoolean(right) && left == right
        case (is NSNull, is NSNull): true
        default: false
        }
    }

    private func isOf(_ type: String, _ value: Any) -> Bool {
        switch type {
        case "null": value is NSNull
        case "string": value is String
        case "boolean": (value as? NSNumber).map(isBoolean) ?? false
        case "integer": (value as? NSNumber).map { !isBoolean($0) && $0.doubleValue == $0.doubleValue.rounded() } ?? false
        case "number": (value as? NSNumber).map { !isBoolean($0) } ?? false
        case "array": value is [Any]
        case "object": value is [String: Any]
        default: false
        }
    }
}
