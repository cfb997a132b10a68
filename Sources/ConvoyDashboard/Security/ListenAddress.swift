internal import Glibc

/// Where the dashboard listens: `127.0.0.1:7080`, `[::1]:7080`, `0.0.0.0:7080`, `dashboard.internal:7080`.
package struct ListenAddress: Sendable, Hashable, CustomStringConvertible {
    /// A name or an address, an IPv6 one without its brackets.
    package let host: String
    /// 0 lets the kernel choose.
    package let port: Int

    /// This machine only.
    package static let standard = ListenAddress(host: "127.0.0.1", port: 7080)

    private init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Reads `HOST:PORT`; nil for anything else. An IPv6 address needs its brackets, so that it is plain where the port begins.
    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
            guard host.contains(":") else { return nil }
        } else if host.contains(":") {
            return nil
        }
        guard !host.isEmpty, host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "@") }) else {
            return nil
        }
        // A name that the resolver might send elsewhere.
        self.init(host: host.lowercased() == "localhost" ? "127.0.0.1" : String(host), port: Int(port))
    }

    /// Whether only this machine can reach it. A name other than `localhost` may lead anywhere.
    package var isLoopback: Bool {
        var four = in_addr()
        if inet_pton(AF_INET, host, &four) == 1 { return UInt32(bigEndian: four.s_addr) >> 24 == 127 }
        var six = in6_addr()
        guard inet_pton(AF_INET6, host, &six) == 1 else { return false }
        let bytes = withUnsafeBytes(of: six) { Array($0) }
        let isMapped = bytes[..<10].allSatisfy { $0 == 0 } && bytes[10] == 0xff && bytes[11] == 0xff
        return bytes == [UInt8](repeating: 0, count: 15) + [1] || isMapped && bytes[12] == 127
    }

    /// With that port, as a browser is given it.
    func url(port: Int, isSecure: Bool) -> String {
        "\(isSecure ? "https" : "http")://\(host.contains(":") ? "[\(host)]" : host):\(port)"
    }

    package var description: String { "\(host.contains(":") ? "[\(host)]" : host):\(port)" }
}
