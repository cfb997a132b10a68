internal import ConvoyRollout
import ConvoyRun
import ConvoyText
internal import HTTPTypes
internal import Hummingbird

/// Why a request does not get what it asks for: RFC 9457 for programs, a page for people.
struct HTTPProblem: Error {
    var status: HTTPResponse.Status
    /// A sentence for the reader; it holds nothing that who asks may not know.
    var detail: String
    var headers: HTTPFields = [:]

    init(_ status: HTTPResponse.Status, _ detail: String, headers: HTTPFields = [:]) {
        self.status = status
        self.detail = detail
        self.headers = headers
    }

    /// As `application/problem+json`.
    var response: Response {
        var response = Response.json(
            ["type": "about:blank", "title": .string(status.reasonPhrase), "status": .integer(status.code), "detail": .string(detail)],
            status: status
        )
        response.headers[.contentType] = "application/problem+json"
        response.headers.append(contentsOf: headers)
        return response
    }
}

extension HTTPProblem {
    init(_ refusal: AccessControl.Refusal) {
        switch refusal {
        case .notLoggedIn: self.init(.unauthorized, "missing token", headers: [.wwwAuthenticate: "Bearer"])
        case .wrongToken: self.init(.unauthorized, "invalid token", headers: [.wwwAuthenticate: "Bearer error=\"invalid_token\""])
        case .tooManyAttempts(let wait):
            self.init(
                .tooManyRequests,
                "too many invalid tokens from this address; wait a minute",
                headers: [.retryAfter: String(wait.components.seconds)]
            )
        }
    }

    /// The journal's own words name files of the server, which those who may read the dashboard may know.
    init(_ error: JournalError) {
        self.init(.serviceUnavailable, error.description + (error.hint.map { ". Hint: \($0)" } ?? ""), headers: [.retryAfter: "5"])
    }
}

extension Response {
    static func json(_ value: JSONValue, status: HTTPResponse.Status = .ok) -> Response {
        text(value.line + "\n", type: "application/json", status: status)
    }

    static func text(_ text: String, type: String, status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status,
            headers: [.contentType: type, .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text))
        )
    }
}

extension HTTPField.Name {
    private static func named(_ text: String) -> Self { Self(text) ?? .server }

    static let crossOriginOpenerPolicy = named("Cross-Origin-Opener-Policy")
    static let crossOriginResourcePolicy = named("Cross-Origin-Resource-Policy")
    static let forwardedProto = named("X-Forwarded-Proto")
    /// A request's first one is its authority, and not among its headers.
    static let furtherHost = named("Host")
    static let frameOptions = named("X-Frame-Options")
    static let referrerPolicy = named("Referrer-Policy")
    static let strictTransportSecurity = named("Strict-Transport-Security")
    static let secFetchSite = named("Sec-Fetch-Site")
    static let accelBuffering = named("X-Accel-Buffering")
    static let lastEventID = named("Last-Event-ID")
    /// What a browser's request that changes something repeats: its session's secret.
    static let csrfToken = named("X-Convoy-CSRF")
}
