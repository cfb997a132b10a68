package import ConvoyRun
package import ConvoyText

/// Spans in the form in which a collector takes them: `ExportTraceServiceRequest` of OTLP, as JSON.
///
/// It is the JSON of Protocol Buffers, but for the ids, which OTLP has in hexadecimal: whole numbers of 64 bits are strings, enumerations are numbers,
/// and keys are in camel case.
package struct OTLPRequest: Sendable {
    package var trace: TraceID
    /// Of the resource, in order.
    package var resource: [TraceSpan.Attribute]
    package var spans: [TraceSpan]

    package init(trace: TraceID, resource: [TraceSpan.Attribute], spans: [TraceSpan]) {
        self.trace = trace
        self.resource = resource
        self.spans = spans
    }

    /// The version of the semantic conventions that the attributes follow.
    private static let conventions = "https://opentelemetry.io/schemas/1.33.0"

    package var json: JSONValue {
        let traceID = JSONValue.string(trace.hex)
        let scope: JSONValue = [
            "scope": ["name": "convoy", "version": .string(Convoy.version)],
            "spans": .array(spans.map { Self.json($0, traceID) }),
            "schemaUrl": .string(Self.conventions),
        ]
        let group: JSONValue = ["resource": ["attributes": Self.json(resource)], "scopeSpans": .array([scope])]
        return ["resourceSpans": .array([group])]
    }

    private static func json(_ span: TraceSpan, _ traceID: JSONValue) -> JSONValue {
        var members: [(String, JSONValue)] = [("traceId", traceID), ("spanId", .string(span.id.hex))]
        if let parent = span.parent { members.append(("parentSpanId", .string(parent.hex))) }
        members += [
            ("name", .string(span.name)), ("kind", .integer(span.kind.rawValue)), ("startTimeUnixNano", .string(span.start.nanoseconds)),
            ("endTimeUnixNano", .string(span.end.nanoseconds)), ("attributes", json(span.attributes)),
        ]
        if !span.moments.kept.isEmpty {
            let events = span.moments.kept.map { moment -> JSONValue in
                ["timeUnixNano": .string(moment.at.nanoseconds), "name": .string(moment.name), "attributes": json(moment.attributes)]
            }
            members.append(("events", .array(events)))
        }
        if span.moments.dropped > 0 { members.append(("droppedEventsCount", .integer(span.moments.dropped))) }
        // STATUS_CODE_ERROR; without a problem the status is left unset.
        var status: JSONValue = [:]
        if let problem = span.problem { status = ["message": .string(problem), "code": .integer(2)] }
        members.append(("status", status))
        return .object(.init(members))
    }

    private static func json(_ attributes: [TraceSpan.Attribute]) -> JSONValue {
        .array(
            attributes.map { attribute in
                let value: JSONValue =
                    switch attribute.value {
                    case .string(let text): ["stringValue": .string(text)]
                    case .integer(let number): ["intValue": .string(String(number))]
                    }
                return ["key": .string(attribute.key), "value": value]
            }
        )
    }
}

extension SpanTime {
    /// Since 1970, in digits.
    fileprivate var nanoseconds: String { microseconds > 0 ? "\(microseconds)000" : "0" }
}
