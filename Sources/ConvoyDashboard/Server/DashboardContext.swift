import ConvoyFleet
internal import Hummingbird
internal import Logging
internal import NIOCore

/// What is known of a request in addition to its contents.
struct DashboardContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// The connection that it came in on.
    let channel: any Channel
    /// The other side's address; empty if it is not known.
    let remoteAddress: String
    /// The port that it came in on; nil for a Unix socket.
    let port: Int?
    /// The client; set before a route is called that requires access.
    var reader = AccessControl.Reader.anybody

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        channel = source.channel
        remoteAddress = source.channel.remoteAddress?.ipAddress ?? ""
        port = source.channel.localAddress?.port
    }

    /// A part of the path that a route names in braces, decoded.
    func parameter(_ name: String) throws(HTTPProblem) -> String {
        guard let text = parameters.get(name)?.percentDecoded else { throw HTTPProblem(.badRequest, "the path is not UTF-8") }
        return text
    }
}

extension Request {
    /// A parameter of the query, decoded; nil if the query does not have it.
    func query(_ name: String) -> String? { uri.queryParameters[name[...]].map(String.init) }

    /// A number of the query.
    ///
    /// - Throws: if it is something else.
    func number(_ name: String) throws(HTTPProblem) -> Int64? {
        guard let text = query(name) else { return nil }
        guard let number = Int64(text), number >= 0 else { throw HTTPProblem(.badRequest, "“\(name)” is not a number") }
        return number
    }

    /// Whether it came in over TLS, as the proxy in front of us says.
    var isForwardedTLS: Bool { headers[.forwardedProto]?.lowercased() == "https" }
}

extension String {
    /// With percent escapes such as `%41` decoded; nil if the result is not UTF-8 or an escape is not valid.
    var percentDecoded: String? {
        var bytes: [UInt8] = []
        var rest = utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            let digits = rest.prefix(2).compactMap { Character(Unicode.Scalar($0)).hexDigitValue }
            guard digits.count == 2 else { return nil }
            bytes.append(UInt8(digits[0] * 16 + digits[1]))
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
