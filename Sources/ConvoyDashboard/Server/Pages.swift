import ConvoyReporting
internal import ConvoyRollout
import ConvoyRun
internal import HTTPTypes
internal import Hummingbird

/// The pages: the shell of each is made here; what is in it comes by the interface for programs, and keeps itself up to date.
struct Pages: Sendable {
    /// The fleet's name.
    var fleet: String
    /// Whether readers log in, and so can log out.
    var demandsToken: Bool
    /// What a form has to repeat where readers do not log in: a foreign page could send a form too, and does not know it.
    private let openToken = String.random256Bits

    init(fleet: String, demandsToken: Bool) {
        (self.fleet, self.demandsToken) = (fleet, demandsToken)
    }

    /// What the layout is filled with.
    private struct Layout {
        var title: String
        var page: String
        var fleet: String
        let version = Convoy.version
        let icon = WebFiles.icon.versionedName
        let styles = WebFiles.styles.map(\.versionedName)
        /// None if the page is not kept up to date.
        var scripts: [String] = []
        /// Whether it is shown to those who have logged in.
        var isInside = false
        var canLogOut = false
        /// Who has logged in, if tokens have names.
        var who: String?
        var csrf = ""
        /// Markup.
        var content = ""
    }

    private struct LoginForm {
        var next: String
        var problem: String?
    }

    private struct ErrorText {
        var title: String
        var detail: String
    }

    private static let layout = WebTemplate(PackageResources.layout_mustache)
    private static let loginForm = WebTemplate(PackageResources.login_mustache)
    private static let errorText = WebTemplate(PackageResources.error_mustache)

    /// Whether every template can be read.
    static var areValid: Bool { [layout, loginForm, errorText].allSatisfy(\.isValid) }

    var routes: [Route] {
        [
            page("/", "fleet", "Fleet", PackageResources.fleet_html),
            page("/instances/{instance}", "instance", "Instance", PackageResources.instance_html),
            page("/failures", "failures", "Failures", PackageResources.failures_html),
            page("/runs", "runs", "Runs", PackageResources.runs_html),
            page("/runs/{run}", "run", "Run", PackageResources.run_html),
            page("/runs/{run}/instances/{instance}", "visit", "Instance of a run", PackageResources.visit_html),
        ]
    }

    private func page(_ path: String, _ name: String, _ title: String, _ content: [UInt8]) -> Route {
        let content = String(decoding: content, as: UTF8.self)
        return Route(.get, path, .reader, for: .people) { _, context in page(name, title: title, content, for: context.reader) }
    }

    /// A page for those who have logged in.
    ///
    /// - Parameters:
    ///   - name: by which scripts know the page.
    ///   - content: markup.
    func page(_ name: String, title: String, _ content: String, for reader: AccessControl.Reader) -> Response {
        var layout = Layout(title: title, page: name, fleet: fleet, content: content)
        layout.scripts = WebFiles.scripts.map(\.versionedName)
        layout.isInside = true
        layout.canLogOut = demandsToken
        layout.who = reader.holder?.title
        layout.csrf = csrfToken(of: reader)
        return Self.response(layout)
    }

    /// What the requests and forms of a reader's pages repeat before anything is changed.
    func csrfToken(of reader: AccessControl.Reader) -> String {
        if case .session(let session, _) = reader { session.csrfToken } else { openToken }
    }

    func login(next: String, problem: HTTPProblem? = nil) -> Response {
        let form = Self.loginForm.render(LoginForm(next: next, problem: problem?.detail))
        var response = Self.response(Layout(title: "Log in", page: "login", fleet: "", content: form), status: problem?.status ?? .ok)
        response.headers[.retryAfter] = problem?.headers[.retryAfter]
        return response
    }

    func error(_ problem: HTTPProblem) -> Response {
        let text = Self.errorText.render(ErrorText(title: problem.status.reasonPhrase, detail: problem.detail))
        // A foreign page that made its own name lead here learns nothing.
        let isForStrangers = demandsToken || problem.status == .misdirectedRequest
        var response = Self.response(
            Layout(title: problem.status.reasonPhrase, page: "error", fleet: isForStrangers ? "" : fleet, content: text),
            status: problem.status
        )
        response.headers.append(contentsOf: problem.headers)
        return response
    }

    private static func response(_ layout: Layout, status: HTTPResponse.Status = .ok) -> Response {
        .text(Self.layout.render(layout), type: "text/html; charset=utf-8", status: status)
    }
}
