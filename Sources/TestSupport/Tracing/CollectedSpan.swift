import Foundation

/// A span as a collector got it.
public struct CollectedSpan: Sendable, Hashable {
    public let trace: String
    public let id: String
    public let parent: String?
    public let name: String
    public let kind: Int
    /// In nanoseconds since 1970, like ``end``.
    public let start: UInt64
    public let end: UInt64
    /// Values as text.
    public let attributes: [String: String]
    /// The names of its events.
    public let events: [String]
    /// Whether its status is an error.
    public let isError: Bool
    public let message: String?

    /// The attributes of the resource.
    public let resource: [String: String]

    /// Reads the spans of a request.
    ///
    /// - Returns: the spans, and everything in which the request is not as OTLP has it.
    public static func read(_ body: String) -> (spans: [CollectedSpan], problems: [String]) {
        guard let value = try? JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any] else {
            return ([], ["no JSON object: \(body.prefix(200))"])
        }
        guard let schema = try? JSONSchema(text: OTLPSchema.text) else { return ([], ["the schema cannot be read"]) }
        var problems = schema.problems(in: value)
        var spans: [CollectedSpan] = []
        for group in value["resourceSpans"] as? [[String: Any]] ?? [] {
            let resource = attributes((group["resource"] as? [String: Any])?["attributes"], &problems)
            for scope in group["scopeSpans"] as? [[String: Any]] ?? [] {
                for span in scope["spans"] as? [[String: Any]] ?? [] { spans.append(CollectedSpan(span, resource, &problems)) }
            }
        }
        return (spans, problems)
    }

    private init(_ span: [String: Any], _ resource: [String: String], _ problems: inout [String]) {
        func text(_ key: String) -> String { span[key] as? String ?? "" }
        trace = text("traceId")
        id = text("spanId")
        parent = span["parentSpanId"] as? String
        name = text("name")
        kind = span["kind"] as? Int ?? 0
        start = UInt64(text("startTimeUnixNano")) ?? 0
        end = UInt64(text("endTimeUnixNano")) ?? 0
        attributes = Self.attributes(span["attributes"], &problems)
        events = (span["events"] as? [[String: Any]] ?? []).compactMap { $0["name"] as? String }
        let status = span["status"] as? [String: Any] ?? [:]
        isError = status["code"] as? Int == 2
        message = status["message"] as? String
        self.resource = resource
        if end < start { problems.append("span \(name): it ends before it begins") }
        for event in span["events"] as? [[String: Any]] ?? [] { _ = Self.attributes(event["attributes"], &problems) }
    }

    private static func attributes(_ value: Any?, _ problems: inout [String]) -> [String: String] {
        var attributes: [String: String] = [:]
        for attribute in value as? [[String: Any]] ?? [] {
            guard let key = attribute["key"] as? String, let value = (attribute["value"] as? [String: Any])?.values.first else { continue }
            if attributes.updateValue("\(value)", forKey: key) != nil { problems.append("attribute \(key): it occurs twice") }
        }
        return attributes
    }
}
