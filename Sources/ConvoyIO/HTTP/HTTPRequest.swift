internal import AsyncHTTPClient
import ConvoyText
package import Foundation
internal import NIOCore
internal import NIOHTTP1

/// One HTTP request. Of most answers only the head counts, and the body is not read.
///
///     let answer = await HTTPRequest(url: url, redirects: .refused, timeout: .seconds(10)).answer()
///
/// A user and a password in the URL become an `Authorization` header. Nothing that a server sends can end the process or hold it beyond the
/// timeout, and at most ``HTTPConnections/responseLimit`` bytes of an answer are read.
package struct HTTPRequest: Sendable {
    package enum Redirects: Sendable {
        /// At most `limit` of them, each to the same host: from http to https, or with scheme and port unchanged. What is sent there may be a
        /// secret, and another host is not the one that the fleet file trusts with it.
        case followed(limit: Int)
        /// The redirect is the answer: what is sent is for one place only.
        case refused
    }

    var method = "GET"
    var url: URL
    package var headers: [(name: String, value: String)] = []
    package var body: String?
    var redirects: Redirects
    /// For all of it, redirects included.
    var timeout: Duration
    /// Names the proxy.
    var environment = ProcessInfo.processInfo.environment

    package init(
        method: String = "GET",
        url: URL,
        headers: [(name: String, value: String)] = [],
        body: String? = nil,
        redirects: Redirects,
        timeout: Duration,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.redirects = redirects
        self.timeout = timeout
        self.environment = environment
    }

    package static let schemes = ["http", "https"]

    /// What came of a request. Nothing of the URL, the headers or the answer's body is in it.
    package enum Answer: Sendable, Hashable {
        /// - Parameters:
        ///   - retryAfter: what the answer says of when to come again, as it says it.
        ///   - redirects: how many were followed before.
        case status(Int, retryAfter: String? = nil, redirects: Int = 0)
        /// A redirect that is not followed although others are, and why.
        case astray(Int, String)
        /// Why there is no answer, for example a refused connection.
        case failed(String)
    }

    /// Sends it. A task that is cancelled gives it up.
    ///
    /// - Returns: nil if no answer came in time.
    @concurrent
    package func answer() async -> Answer? {
        await exchange(until: deadline).answer
    }

    /// Sends it, and reads the answer's body too.
    ///
    /// - Parameter patience: how long the body may take once the head is there.
    /// - Returns: the body if it came in time and has at most ``HTTPConnections/responseLimit`` bytes together with its head; what is not UTF-8 in it
    ///   is replaced.
    @concurrent
    package func answerWithBody(within patience: Duration) async -> (answer: Answer?, body: String?) {
        let deadline = deadline
        let (answer, head) = await exchange(until: deadline)
        guard let head else { return (answer, nil) }
        // The client's own deadline ends with the head of an answer.
        let end = min(deadline, .now + patience)
        let body = await withTaskGroup(of: String?.self) { race in
            race.addTask {
                guard let bytes = try? await head.body.collect(upTo: HTTPConnections.responseLimit) else { return nil }
                return String(decoding: bytes.readableBytesView, as: UTF8.self)
            }
            race.addTask {
                try? await Task.sleep(until: end, clock: .continuous)
                return nil
            }
            let first = await race.next() ?? nil
            race.cancelAll()
            return first
        }
        return (answer, body)
    }

    private var deadline: ContinuousClock.Instant { ContinuousClock.now + min(max(timeout, .zero), Self.longestTimeout) }

    private func exchange(until deadline: ContinuousClock.Instant) async -> (answer: Answer?, head: HTTPClientResponse?) {
        var current = url
        var followed = 0
        while true {
            let head: HTTPClientResponse
            guard URLPort.isUsable(in: current.absoluteString) else { return (.failed("its \(URLPort.complaint)"), nil) }
            let proxy = HTTPProxy(for: current, environment: environment)
            if let proxy, !proxy.hasUsablePort { return (.failed("the proxy of the environment: its \(URLPort.complaint)"), nil) }
            do {
                let left = deadline - ContinuousClock.now
                guard left > .zero, let request = request(to: current) else {
                    return (left > .zero ? .failed("its URL is not valid") : nil, nil)
                }
                head = try await HTTPConnections.client(by: proxy).execute(
                    request,
                    timeout: .nanoseconds(Int64(clamping: left / .nanoseconds(1)))
                )
            } catch {
                if Task.isCancelled || ContinuousClock.now >= deadline { return (nil, nil) }
                return (HTTPFailure.reason(error).map { .failed($0) }, nil)
            }
            let status = Int(clamping: head.status.code)
            guard case .followed(let limit) = redirects, [301, 302, 303, 307, 308].contains(status), followed < limit,
                let location = head.headers.first(name: "Location")
            else { return (.status(status, retryAfter: head.headers.first(name: "Retry-After"), redirects: followed), head) }
            switch Self.next(from: current, to: location) {
            case .success(let next): current = next
            case .failure(let reason): return (.astray(status, reason.text), nil)
            }
            followed += 1
        }
    }

    /// Nothing waits longer for one answer, whatever a fleet file says.
    private static let longestTimeout = Duration.seconds(86_400)

    private func request(to url: URL) -> HTTPClientRequest? {
        guard var parts = URLComponents(url: url, resolvingAgainstBaseURL: true) else { return nil }
        let (user, password) = (parts.user, parts.password)
        (parts.user, parts.password, parts.fragment) = (nil, nil, nil)
        guard let place = parts.string else { return nil }
        var request = HTTPClientRequest(url: place)
        request.method = HTTPMethod(rawValue: method)
        if user != nil || password != nil {
            let credentials = Data("\(user ?? ""):\(password ?? "")".utf8).base64EncodedString()
            request.headers.replaceOrAdd(name: "Authorization", value: "Basic \(credentials)")
        }
        for header in headers { request.headers.replaceOrAdd(name: header.name, value: header.value) }
        if let body { request.body = .bytes(ByteBuffer(string: body)) }
        return request
    }

    struct Refusal: Error, Hashable {
        var text: String
    }

    /// Where a redirect leads, with the credentials of the URL that it comes from.
    static func next(from url: URL, to location: String) -> Result<URL, Refusal> {
        guard let target = URL(string: location, relativeTo: url)?.absoluteURL,
            var parts = URLComponents(url: target, resolvingAgainstBaseURL: true),
            let scheme = target.scheme?.lowercased(), schemes.contains(scheme), let host = target.host()?.lowercased(), !host.isEmpty
        else { return .failure(Refusal(text: "it does not lead to an http or https URL")) }
        guard host == url.host()?.lowercased() else { return .failure(Refusal(text: "it leads to another host")) }
        guard URLPort.isUsable(in: target.absoluteString) else { return .failure(Refusal(text: "its \(URLPort.complaint)")) }
        let before = url.scheme?.lowercased()
        if before == "https", scheme == "http" { return .failure(Refusal(text: "it leads from https to http")) }
        if before == scheme, target.port(of: scheme) != url.port(of: scheme) {
            return .failure(Refusal(text: "it leads to another port"))
        }
        let origin = URLComponents(url: url, resolvingAgainstBaseURL: true)
        (parts.user, parts.password) = (origin?.user, origin?.password)
        return parts.url.map { .success($0) } ?? .failure(Refusal(text: "it does not lead to an http or https URL"))
    }
}

extension URL {
    fileprivate func port(of scheme: String) -> Int { port ?? (scheme == "https" ? 443 : 80) }
}
