internal import ConvoyMigrations
internal import Foundation
internal import FoundationNetworking
internal import Synchronization

/// One HTTP request, of whose answer only the head counts.
struct HTTPRequest: Sendable {
    enum Redirects: Sendable {
        /// To http and https URLs, at most so many.
        case followed(limit: Int)
        /// The redirect is the answer: what is sent is for one place only.
        case refused
    }

    var method = "GET"
    var url: URL
    var headers: [(name: String, value: String)] = []
    var body: String?
    var redirects: Redirects
    /// For all of it, redirects included.
    var timeout: Duration

    static let schemes = ["http", "https"]

    /// What came of a request. Nothing of the URL, the headers or the answer's body is in it.
    enum Answer: Sendable, Hashable {
        /// - Parameters:
        ///   - retryAfter: what the answer says of when to come again, as it says it.
        ///   - redirects: how many were followed before.
        case status(Int, retryAfter: String? = nil, redirects: Int = 0)
        /// Why there is none, for example that nobody listens there.
        case failed(String)
    }

    /// Sends it. A task that is cancelled gives it up.
    ///
    /// - Returns: nil where no answer came in time.
    func answer() async -> Answer? {
        let exchange = HTTPExchange(redirects)
        let configuration = URLSessionConfiguration.ephemeral
        // It only counts whole seconds, so that it is our own limit that holds.
        configuration.timeoutIntervalForRequest = timeout.seconds.rounded(.up) + 1
        let session = URLSession(configuration: configuration, delegate: exchange, delegateQueue: nil)
        // A session keeps its delegate, and its connections, until this.
        defer { session.invalidateAndCancel() }
        var request = URLRequest(url: url)
        request.httpMethod = method
        for header in headers { request.setValue(header.value, forHTTPHeaderField: header.name) }
        request.httpBody = body.map { Data($0.utf8) }
        session.dataTask(with: request).resume()
        return await exchange.answer.value { [timeout] in try await Task.sleep(for: timeout) }
    }
}

/// A request under way.
private final class HTTPExchange: NSObject, URLSessionDataDelegate {
    let answer = OneShot<HTTPRequest.Answer>()
    private let policy: HTTPRequest.Redirects
    private let count = Atomic(0)

    init(_ policy: HTTPRequest.Redirects) {
        self.policy = policy
    }

    private var redirects: Int { count.load(ordering: .relaxed) }

    func urlSession(
        _ session: URLSession,
        task: URLSessionTask,
        willPerformHTTPRedirection response: HTTPURLResponse,
        newRequest request: URLRequest,
        completionHandler: @escaping (URLRequest?) -> Void
    ) {
        let scheme = request.url?.scheme?.lowercased() ?? ""
        guard case .followed(let limit) = policy, redirects < limit, HTTPRequest.schemes.contains(scheme) else {
            fulfil(response)
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
        if let response = response as? HTTPURLResponse { fulfil(response) }
        completionHandler(.cancel)
    }

    func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
        if let response = task.response as? HTTPURLResponse { fulfil(response) }
        answer.fulfil(.failed(Self.reason(error)))
    }

    private func fulfil(_ response: HTTPURLResponse) {
        let retryAfter = response.value(forHTTPHeaderField: "Retry-After")
        answer.fulfil(.status(response.statusCode, retryAfter: retryAfter, redirects: redirects))
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
