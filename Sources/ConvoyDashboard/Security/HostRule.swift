/// Which `Host` a request may name.
///
/// A page of a foreign site can make its own name lead to 127.0.0.1 and then read what listens there as its own origin (DNS rebinding);
/// only the name in the request shows that it is not meant for this server.
struct HostRule: Sendable, Hashable {
    /// Names, or names with a port, that are ours in addition to the address that we listen on.
    var extra: [String]
    var isLocal: Bool
    /// The port that a browser leaves out.
    var standardPort: Int

    /// - Parameters:
    ///   - extra: `convoy.example.org`, or with a port.
    ///   - isSecure: whether connections have TLS.
    init(_ place: ListenPlace, extra: [String], isSecure: Bool = false) {
        self.extra = extra.map { $0.lowercased() }
        isLocal = place.isLocal
        standardPort = isSecure ? 443 : 80
    }

    /// - Parameters:
    ///   - authority: what the request names, with its port.
    ///   - port: the one that we listen on; nil for a Unix socket, whose clients name this machine without a port.
    func accepts(_ authority: String?, port: Int?) -> Bool {
        guard let authority = authority?.lowercased(), !authority.isEmpty else { return false }
        if extra.contains(authority) || extra.contains(Self.withoutPort(authority)) { return true }
        // Where others reach us we cannot know every name of ours; there a token is demanded, which no foreign page has.
        guard isLocal else { return extra.isEmpty }
        return ["localhost", "127.0.0.1", "[::1]"].contains { name in
            port.map { authority == "\(name):\($0)" || $0 == standardPort && authority == name } ?? (authority == name)
        }
    }

    private static func withoutPort(_ authority: String) -> String {
        guard let colon = authority.lastIndex(of: ":"), authority[authority.index(after: colon)...].allSatisfy(\.isNumber) else {
            return authority
        }
        return String(authority[..<colon])
    }
}
