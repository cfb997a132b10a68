import ConvoyFleet
import ConvoyText
internal import FoundationEssentials
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore

/// Logging in and out with a browser.
struct SignInRoutes: Sendable {
    var access: AccessControl
    var rules: DashboardRouter
    var pages: Pages
    var doors: Doors

    var routes: [Route] {
        [
            Route(.get, "/login", .open, for: .people) { request, context in
                guard access.demandsToken else { return .redirect(to: "/") }
                return pages.login(next: DashboardRouter.localPath(request.query("next") ?? "/"))
            },
            Route(.post, "/login", .open, for: .people) { request, context in try await logIn(request, context) },
            Route(.post, "/logout", .reader, for: .people) { request, context in try await logOut(request, context) },
        ]
    }

    private func logIn(_ request: Request, _ context: DashboardContext) async throws -> Response {
        // Else a foreign page could log a reader in, though not with a token that it does not have.
        try rules.checkSameOrigin(request)
        guard !doors.isRefused(context.channel) else {
            context.channel.close(promise: nil)
            throw HTTPProblem(.tooManyRequests, "too many invalid tokens on this connection")
        }
        let form = try await request.form()
        let next = DashboardRouter.localPath(form["next"] ?? "/")
        do throws(AccessControl.Refusal) {
            let session = try access.logIn(form["token"] ?? "", from: context.remoteAddress, at: Date())
            doors.prove(context.channel)
            return redirect(to: next, request, context, cookie: session.id, lifetime: SessionTable.lifetime)
        } catch {
            doors.fail(context.channel)
            return pages.login(next: next, problem: HTTPProblem(error))
        }
    }

    private func logOut(_ request: Request, _ context: DashboardContext) async throws -> Response {
        try rules.checkSameOrigin(request)
        guard case .session(let session, _) = context.reader else { return .redirect(to: "/") }
        guard try await request.form()["csrf"] == session.csrfToken else { throw HTTPProblem(.forbidden, "reload the page and try again") }
        access.logOut(session)
        return redirect(to: "/login", request, context, cookie: "", lifetime: .zero)
    }

    private func redirect(
        to path: String,
        _ request: Request,
        _ context: DashboardContext,
        cookie: String,
        lifetime: Duration
    ) -> Response {
        var response = Response.redirect(to: path)
        // Only marked as secure where it is: over plain HTTP a browser would drop it.
        let secure = rules.isSecure || request.isForwardedTLS ? "; Secure" : ""
        response.headers[.setCookie] =
            "\(DashboardRouter.cookieName(context))=\(cookie); Path=/; Max-Age=\(lifetime.components.seconds); HttpOnly; SameSite=Strict\(secure)"
        return response
    }
}
