internal import ConvoyMigrations
internal import Foundation
internal import FoundationNetworking
internal import Synchronization

/// A URL that must answer GET with 2xx.
struct HTTPCheck: Sendable {
    let url: String
    /// For all of it, redirects included.
    var timeout = Duration.seconds(10)

    static let redirectLimit = 5

    /// Why it does not; nil where it does. Neither the URL's user, password and query nor anything that was answered is in it.
    func problem() async -> String? {
        guard let url = URL(string: url), let scheme = url.scheme?.lowercased(), Self.schemes.contains(scheme), let host = url.host() else {
            return "GET: this is no http or https URL"
        }
        let port = url.port.map { ":\($0)" } ?? ""
        let name = "GET \(scheme)://\(host.contains(":") ? "[\(host)]" : host)\(port)\(url.path())"
        let exchange = HTTPExchange()
        let configuration = URLSessionConfiguration.ephemeral
        // It only counts whole seconds, so that it is our own limit that holds.
        configuration.timeoutIntervalForRequest = timeout.seconds.rounded(.up) + 1
        let session = URLSession(configuration: configuration, delegate: exchange, delegateQueue: nil)
        // A session keeps its delegate, and its connections, until this.
        defer { session.invalidateAndCancel() }
        session.dataTask(with: URLRequest(url: url)).resume()
        let answer = await exchange.answer.value { [timeout] in try await Task.sleep(for: timeout) }
        switch answer {
        case .status(200..<300): return nil
        case .status(let status) where (300..<400).contains(status) && exchange.redirects > 0:
            return "\(name) answered \(status) again after \(exchange.redirects) redirects"
        case .status(let status): return "\(name) answered \(status)"
        case .failed(let reason): return "\(name): \(reason)"
        case nil: return "\(name): no answer within \(timeout.human)"
        }
    }

    static let schemes = ["http", "https"]
}

/// One GET under way.
private final class HTTPExchange: NSObject, URLSessionDataDelegate {
    enum Answer: Sendable {
        case status(Int)
        case failed(String)
    }

    let answer = OneShot<Answer>()
    private let count = Atomic(0)

    /// How many redirects were followed.
    var redirects: Int { count.load(ordering: .relaxed) }

    func urlSession(
        _ session: URLSession,
        task: URLSessionTask,
        willPerformHTTPRedirection response: HTTPURLResponse,
        newRequest request: URLRequest,
        completionHandler: @escaping (URLRequest?) -> Void
    ) {
        let scheme = request.url?.scheme?.lowercased() ?? ""
        guard redirects < HTTPCheck.redirectLimit, HTTPCheck.schemes.contains(scheme) else {
            answer.fulfil(.status(response.statusCode))
            return completionHandler(nil)
        }
        count.add(1, ordering: .relaxed)
        completionHandler(request)
    }

    /// The head is enough: nobody wants the body.
    func urlSession(
        _ session: URLSession,
        dataTask: URLSessionDataTask,
        didReceive response: URLResponse,
        completionHandler: @escaping (URLSession.ResponseDisposition) -> Void
    ) {
        if let response = response as? HTTPURLResponse { answer.fulfil(.status(response.statusCode)) }
        completionHandler(.cancel)
    }

    func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
        if let response = task.response as? HTTPURLResponse { answer.fulfil(.status(response.statusCode)) }
        answer.fulfil(.failed(Self.reason(error)))
    }

    private static func reason(_ error: (any Error)?) -> String {
        guard let error = error as? URLError else { return "no answer" }
        switch error.code {
        case .timedOut: return "no answer in time"
        case .cannotFindHost, .dnsLookupFailed: return "there is no such host"
        case .cannotConnectToHost: return "nobody listens there"
        case .networkConnectionLost: return "the connection was lost"
        case .badServerResponse: return "what it answered is not proper HTTP"
        case .secureConnectionFailed, .serverCertificateUntrusted, .serverCertificateHasBadDate, .serverCertificateNotYetValid,
            .serverCertificateHasUnknownRoot:
            return "its certificate is not to be trusted"
        default: return "it cannot be reached (URL error \(error.code.rawValue))"
        }
    }
}
