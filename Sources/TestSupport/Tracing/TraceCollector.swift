import ConvoyText

/// A stand-in for an OpenTelemetry collector: takes OTLP over HTTP as JSON, and checks it.
public final class TraceCollector: Sendable {
    private let responder: HTTPResponder

    /// What a collector answers that took everything.
    public static let success = answer("{}")

    /// An answer with a body.
    public static func answer(_ body: String) -> HTTPResponder.Answer {
        .raw(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\nConnection: close\r\n\r\n\(body)"
        )
    }

    public init(_ answer: @escaping @Sendable () -> HTTPResponder.Answer = { success }) throws {
        responder = try HTTPResponder { _ in answer() }
    }

    /// The base that `OTEL_EXPORTER_OTLP_ENDPOINT` has.
    public var endpoint: String { "http://127.0.0.1:\(responder.port)" }

    /// Each request as it came.
    public var requests: [String] { responder.requests }

    /// The spans of all requests, in order, those that came twice too.
    ///
    /// - Throws: ``TestSupportError`` for a request that is not as OTLP over HTTP has it.
    public func spans() throws -> [CollectedSpan] {
        var spans: [CollectedSpan] = []
        for request in requests {
            guard let end = request.firstRange(of: "\r\n\r\n") else { throw TestSupportError("no request: \(request)") }
            let head = request[..<end.lowerBound].split(separator: "\r\n")
            guard head.first == "POST /v1/traces HTTP/1.1", head.contains(where: { $0.lowercased() == "content-type: application/json" })
            else {
                throw TestSupportError("not how traces are sent: \(head)")
            }
            let (some, problems) = CollectedSpan.read(String(request[end.upperBound...]))
            guard problems.isEmpty else { throw TestSupportError("not as OTLP has it: \(problems.joined(separator: "; "))") }
            spans += some
        }
        return spans
    }
}
