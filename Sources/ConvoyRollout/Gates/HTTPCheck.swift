import ConvoyIO
internal import ConvoyMigrations
import ConvoyText
internal import Foundation

/// A URL that must answer GET with 2xx. Redirects are followed on its own host only.
struct HTTPCheck: Sendable {
    let url: String
    /// For all of it, redirects included.
    var timeout = Duration.seconds(10)

    private static let redirectLimit = 5

    /// Why it does not; nil where it does. Neither the URL's user, password and query nor anything that was answered is in it.
    func problem() async -> String? {
        guard let url = URL(string: url), let scheme = url.scheme?.lowercased(), HTTPRequest.schemes.contains(scheme),
            let host = url.host()
        else { return "GET: this is not an http or https URL" }
        let port = url.port.map { ":\($0)" } ?? ""
        let name = "GET \(scheme)://\(host.contains(":") ? "[\(host)]" : host)\(port)\(url.path())"
        switch await HTTPRequest(url: url, redirects: .followed(limit: Self.redirectLimit), timeout: timeout).answer() {
        case .status(200..<300, _, _): return nil
        case .status(let status, _, let redirects) where (300..<400).contains(status) && redirects > 0:
            return "\(name) answered \(status) after \(redirects) redirects"
        case .status(let status, _, _): return "\(name) answered \(status)"
        case .astray(let status, let reason): return "\(name) answered \(status), and Convoy does not follow that redirect: \(reason)"
        case .failed(let reason): return "\(name): \(reason)"
        case nil: return "\(name): no answer within \(timeout.human)"
        }
    }
}
