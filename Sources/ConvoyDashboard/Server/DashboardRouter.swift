import ConvoyIO
internal import ConvoyRollout
import ConvoyRun
internal import FoundationEssentials
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore
internal import NIOHTTP1

/// Puts the rules of all routes in front of them: headers, the host's name, access, and errors that reveal no more than they should.
struct DashboardRouter: Sendable {
    var access: AccessControl
    var hosts: HostRule
    var doors: Doors
    /// Whether connections have TLS.
    var isSecure: Bool
    /// The page that shows an error.
    var errorPage: @Sendable (HTTPProblem) -> Response
    /// What the pages of a reader repeat.
    var csrfToken: @Sendable (AccessControl.Reader) -> String
    /// Logs an internal error for the operator.
    var log: @Sendable (String) -> Void

    /// The methods for which a path that does not support them answers 405.
    private static let methods: [HTTPRequest.Method] = [.get, .head, .post, .put, .delete, .patch, .options]

    static let sessionCookie = "convoy_session"

    func router(_ routes: [Route]) -> Router<DashboardContext> {
        let router = Router(context: DashboardContext.self, options: [.autoGenerateHeadEndpoints])
        router.add(middleware: Outermost(rules: self))
        for (path, routes) in Dictionary(grouping: routes, by: \.path) {
            for route in routes {
                router.on(RouterPath(path), method: route.method) { request, context in try await answer(route, request, context) }
            }
            var allowed = routes.map(\.method)
            if allowed.contains(.get) { allowed.append(.head) }
            let allow = allowed.map(\.rawValue).sorted().joined(separator: ", ")
            for method in Self.methods where !allowed.contains(method) {
                router.on(RouterPath(path), method: method) { _, _ -> Response in
                    throw HTTPProblem(.methodNotAllowed, "this address only accepts \(allow)", headers: [.allow: allow])
                }
            }
        }
        return router
    }

    private func answer(_ route: Route, _ request: Request, _ context: DashboardContext) async throws -> Response {
        var context = context
        guard route.access != .open else { return try await route.handle(request, context) }
        let reader: AccessControl.Reader
        try checkDoor(context)
        do {
            reader = try access.reader(
                cookie: Self.sessionID(request, context),
                authorization: request.headers[.authorization],
                from: context.remoteAddress,
                at: Date()
            )
        } catch {
            if error != .notLoggedIn { doors.fail(context.channel) }
            guard route.audience == .people, error == .notLoggedIn else { throw HTTPProblem(error) }
            // A browser comes back with GET, which is not what was asked for elsewhere.
            let next = request.method == .get ? "?next=" + Self.localPath(request.uri.string).percentEncoded : ""
            return .redirect(to: "/login" + next)
        }
        // Without a token there is nothing that a connection could prove.
        if reader != .anybody { doors.prove(context.channel) }
        if case .change(let role) = route.access {
            try await checkOrigin(request, reader, for: route.audience)
            try Self.check(reader, role)
        }
        context.reader = reader
        return try await route.handle(request, context)
    }

    /// - Throws: if the connection has shown too many wrong tokens; no other token is checked, and it is closed.
    func checkDoor(_ context: DashboardContext) throws(HTTPProblem) {
        guard doors.isRefused(context.channel) else { return }
        context.channel.close(promise: nil)
        throw HTTPProblem(.tooManyRequests, "too many invalid tokens on this connection")
    }

    /// - Throws: if a foreign page may have sent the request from a reader's browser.
    private func checkOrigin(_ request: Request, _ reader: AccessControl.Reader, for audience: Route.Audience) async throws {
        try checkSameOrigin(request)
        // No page can make a browser send a token that it does not know.
        if case .bearer = reader { return }
        if let sent = request.headers[.csrfToken], !sent.isEmpty {
            // A foreign page that sets a header of its own is asked about first, and we never agree.
            if reader == .anybody || sent == csrfToken(reader) { return }
        } else if audience == .people, try await request.form()["csrf"] == csrfToken(reader) {
            return
        }
        throw HTTPProblem(
            .forbidden,
            audience == .people ? "reload the page and try again" : "the header X-Convoy-CSRF is missing or wrong; reload the page"
        )
    }

    /// - Throws: if the token does not have the role.
    private static func check(_ reader: AccessControl.Reader, _ role: Role) throws(HTTPProblem) {
        guard let holder = reader.holder, !holder.may(role) else { return }
        throw HTTPProblem(.forbidden, "this requires the role \(role.rawValue); your token has: \(holder.roleNames)")
    }

    /// - Throws: if the browser says that another site's page sent the request.
    func checkSameOrigin(_ request: Request) throws(HTTPProblem) {
        let site = request.headers[.secFetchSite] ?? "same-origin"
        let origin = request.headers[.origin]
        let host = request.head.authority ?? ""
        // Without TLS of our own a proxy in front of us may have it; with it, a page that came without is not ours.
        let origins = isSecure ? ["https://\(host)"] : ["http://\(host)", "https://\(host)"]
        guard ["same-origin", "none"].contains(site), origin.map(origins.contains) ?? true else {
            throw HTTPProblem(.forbidden, "cross-site request refused")
        }
    }

    /// A path of ours; `/` for anything that a browser might take for another site.
    static func localPath(_ text: String) -> String {
        let isLocal =
            text.hasPrefix("/") && !text.hasPrefix("//") && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "\\") }
        return isLocal ? text : "/"
    }

    /// Cookies know no ports, so that two dashboards of a machine would take each other's.
    static func cookieName(_ context: DashboardContext) -> String { sessionCookie + (context.port.map { "_\($0)" } ?? "") }

    static func sessionID(_ request: Request, _ context: DashboardContext) -> String? { request.cookies[cookieName(context)]?.value }
}

/// What every answer goes through, those for paths that do not exist included.
struct Outermost: RouterMiddleware {
    let rules: DashboardRouter

    func handle(
        _ request: Request,
        context: DashboardContext,
        next: @concurrent (Request, DashboardContext) async throws -> Response
    ) async throws -> Response {
        var response: Response
        do {
            rules.doors.request(on: context.channel)
            // The first one is the authority; which of two is meant, a proxy in front of us may see otherwise.
            guard request.headers[.furtherHost] == nil else { throw HTTPProblem(.badRequest, "more than one Host header") }
            guard rules.hosts.accepts(request.head.authority, port: context.port) else {
                throw HTTPProblem(.misdirectedRequest, "unknown Host header; add it with --allow-host")
            }
            response = try await next(request, context)
        } catch {
            response = answer(error, to: request)
        }
        for (name, value) in Self.headers { response.headers[name] = value }
        if rules.isSecure, Self.isOwnSite(request.head.authority, port: context.port) {
            response.headers[.strictTransportSecurity] = "max-age=31536000"
        }
        if response.headers[.cacheControl] == nil { response.headers[.cacheControl] = "no-store" }
        return response
    }

    /// Whether browsers may be asked to reach the host with TLS only. They apply that to all of its ports: away from 443 it would lock readers out of
    /// what else the host serves, and on this machine out of everything that is developed there. For a bare address it has no effect.
    static func isOwnSite(_ authority: String?, port: Int?) -> Bool {
        guard port == 443, let authority = authority?.lowercased(), let last = authority.split(separator: ".").last else { return false }
        return authority != "localhost" && last != "localhost" && !authority.contains(":") && !last.allSatisfy(\.isNumber)
    }

    private func answer(_ error: any Error, to request: Request) -> Response {
        let problem: HTTPProblem
        switch error {
        case let error as HTTPProblem: problem = error
        // For example a chunk without a size: the request is not HTTP.
        case is HTTPParserError: problem = HTTPProblem(.badRequest, "the request is not valid")
        // The connection was closed while its request was still coming in: strangers could fill the log with that.
        case is CancellationError: problem = HTTPProblem(.requestTimeout, "the request did not arrive completely in time")
        case let error as JournalError: problem = HTTPProblem(error)
        case let error as any HTTPResponseError where error.status == .notFound: problem = HTTPProblem(.notFound, "page not found")
        // Texts of other libraries may reveal internals.
        case let error as any HTTPResponseError where error.status.kind == .clientError:
            problem = HTTPProblem(error.status, "the request is not valid")
        default:
            rules.log("error: \(request.method) \(DashboardRouter.localPath(request.uri.path)): \(error)")
            problem = HTTPProblem(.internalServerError, "internal error; see the server's standard error")
        }
        let isForPrograms = ["/api/", "/metrics", "/healthz", "/assets/"].contains { request.uri.path.hasPrefix($0) }
        return isForPrograms ? problem.response : rules.errorPage(problem)
    }

    private static let headers: [(HTTPField.Name, String)] = [
        (
            .contentSecurityPolicy,
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        ),
        (.xContentTypeOptions, "nosniff"),
        (.frameOptions, "DENY"),
        // With no-referrer a browser would hide the origin of our own forms from us too.
        (.referrerPolicy, "same-origin"),
        (.crossOriginOpenerPolicy, "same-origin"),
        (.crossOriginResourcePolicy, "same-origin"),
    ]
}

extension String {
    /// With everything but letters, digits and `-._~` as `%41` and the like.
    var percentEncoded: String {
        var result = ""
        for byte in utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"):
                result.unicodeScalars.append(Unicode.Scalar(byte))
            default: result += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }
        return result
    }
}
