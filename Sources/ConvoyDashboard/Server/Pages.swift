internal import Hummingbird
internal import Mustache

/// The pages: a shell of each is made here, what is in it comes by the interface for programs and keeps itself up to date.
///
/// Texts from databases are only ever put between tags, where the template engine's escaping holds: it looks at whole characters, so a quote
/// with an accent on it would end an attribute.
struct Pages: Sendable {
    var fleet: String
    var version: String
    var demandsToken: Bool
    private let templates: MustacheLibrary

    init(fleet: String, version: String, demandsToken: Bool) throws {
        self.fleet = fleet
        self.version = version
        self.demandsToken = demandsToken
        var templates = MustacheLibrary()
        for name in ["layout", "fleet", "instance", "failures", "runs", "run", "login", "error"] {
            try templates.register(WebFile.template(name), named: name)
        }
        self.templates = templates
    }

    var routes: [Route] {
        [
            page("/", "fleet", "Fleet"),
            page("/instances/{instance}", "instance", "Instance"),
            page("/failures", "failures", "Failures"),
            page("/runs", "runs", "Runs"),
            page("/runs/{run}", "run", "Run"),
        ]
    }

    private func page(_ path: String, _ template: String, _ title: String) -> Route {
        Route(.get, path, for: .people) { _, context in
            // Decoded here so that what no page can show is refused here.
            for name in ["instance", "run"] where context.parameters.get(name) != nil { _ = try context.parameter(name) }
            let csrfToken = if case .session(let session) = context.reader { session.csrfToken } else { "none" }
            return render(template, ["title": title, "page": template, "csrf": csrfToken, "isLive": true])
        }
    }

    func login(next: String, problem: HTTPProblem? = nil) -> Response {
        var values: [String: Any] = ["title": "Log in", "page": "login", "next": next, "isOutside": true]
        values["problem"] = problem?.detail
        return render("login", values, status: problem?.status ?? .ok, headers: problem?.headers ?? [:])
    }

    func error(_ problem: HTTPProblem) -> Response {
        render(
            "error",
            ["title": problem.status.reasonPhrase, "page": "error", "detail": problem.detail, "isOutside": true],
            status: problem.status,
            headers: problem.headers
        )
    }

    private func render(
        _ template: String,
        _ values: [String: Any],
        status: HTTPResponse.Status = .ok,
        headers: HTTPFields = [:]
    ) -> Response {
        let all = values.merging(["fleet": fleet, "version": version, "canLogOut": demandsToken]) { first, _ in first }
        var response = Response.text(templates.render(all, withTemplate: template) ?? "", type: "text/html; charset=utf-8", status: status)
        response.headers.append(contentsOf: headers)
        return response
    }
}
