internal import Foundation

/// The proxy that the environment names for a URL, as curl and others read it: `https_proxy`, `http_proxy`, `all_proxy` and `no_proxy`.
struct HTTPProxy: Sendable, Hashable {
    var host: String
    var port: Int
    var user: String?
    var password: String?
    /// One that is not usable is not left out: what is meant for a proxy goes nowhere else.
    let hasUsablePort: Bool

    /// - Returns: nil if the URL is reached directly.
    init?(for url: URL, environment: [String: String]) {
        guard let scheme = url.scheme?.lowercased(), let target = url.host()?.lowercased() else { return nil }
        // In capitals, HTTP_PROXY is what a CGI program gets from a request's header `Proxy`.
        let names = ["\(scheme)_proxy", scheme == "https" ? "HTTPS_PROXY" : "", "all_proxy", "ALL_PROXY"]
        guard let text = names.lazy.compactMap({ environment[$0] }).first(where: { !$0.isEmpty }),
            !Self.isExempt(target, environment["no_proxy"] ?? environment["NO_PROXY"] ?? "")
        else { return nil }
        let place = text.contains("://") ? text : "http://\(text)"
        guard let proxy = URLComponents(string: place), proxy.scheme?.lowercased() == "http", let host = proxy.host, !host.isEmpty else {
            return nil
        }
        self.host = host
        port = proxy.port ?? 1080
        hasUsablePort = URLPort.isUsable(in: place)
        (user, password) = (proxy.user, proxy.password)
    }

    /// `no_proxy` lists names, with or without a dot in front, that stand for their subdomains too; `*` is all.
    private static func isExempt(_ host: String, _ list: String) -> Bool {
        list.lowercased().split(whereSeparator: { $0 == "," || $0.isWhitespace }).contains { entry in
            guard entry != "*" else { return true }
            let name = entry.hasPrefix(".") ? entry.dropFirst() : entry
            return host == name || host.hasSuffix(".\(name)")
        }
    }
}
