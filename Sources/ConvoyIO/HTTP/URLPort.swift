internal import Foundation

/// The port that a URL names: a number that is no port ends the process in the HTTP client, so it is refused before.
package enum URLPort {
    static let range = 1...65_535

    /// What is wrong with a port that is not usable; “its” or “the” stands before it.
    package static let complaint = "port is not a number from 1 to \(range.upperBound)"

    /// Whether a URL names no port or one that a server can have.
    package static func isUsable(in url: String) -> Bool {
        if let port = URLComponents(string: url)?.port, !range.contains(port) { return false }
        // For a number that no integer holds, the port is nil too.
        guard let scheme = url.firstRange(of: "://") else { return true }
        let authority = url[scheme.upperBound...].prefix { !"/?#".contains($0) }
        let place = authority.split(separator: "@", omittingEmptySubsequences: false).last ?? ""
        // An IPv6 address has colons of its own.
        let rest = place[(place.lastIndex(of: "]") ?? place.startIndex)...]
        guard let colon = rest.lastIndex(of: ":") else { return true }
        let digits = rest[rest.index(after: colon)...]
        return digits.isEmpty || Int(digits).map { range.contains($0) } ?? false
    }
}
