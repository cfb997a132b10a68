import ConvoyPostgres

/// Rules on the text of a URL before any parser takes it apart: a parser finds the end of a password by the first “@”, “/”, “?” or “#”, and takes what
/// follows for a host, a port or a database, which are shown.
enum URLText {
    static let encodingHint =
        "percent-encode a password in a URL: “@” is %40, “/” is %2F, “?” is %3F, “#” is %23, “:” is %3A, “%” is %25, a space is %20"

    /// Why the parts of a URL cannot be trusted to be what they seem, in words that follow its name and repeat none of it; nil if there is
    /// no problem.
    ///
    /// An “@” stands once in it, in front of the host; a “#” never: nothing that Convoy sends has a fragment.
    static func complaint(_ text: String) -> String? {
        guard let scheme = text.firstRange(of: "://") else { return nil }
        let rest = text[scheme.upperBound...].utf8
        if rest.contains(where: { $0 <= 0x20 || $0 == 0x7F }) { return "contains a space or a line break" }
        if rest.contains(UInt8(ascii: "#")) { return "contains a “#”" }
        let signs = rest.count { $0 == UInt8(ascii: "@") }
        if signs > 1 { return "contains more than one “@”" }
        let login = rest.prefix { $0 != UInt8(ascii: "@") }
        if signs == 1, login.contains(where: { [UInt8(ascii: "/"), UInt8(ascii: "?")].contains($0) }) {
            return "contains a “/” or “?” before its “@”"
        }
        guard text[..<scheme.lowerBound].lowercased().hasPrefix("postgres") else { return nil }
        let path = rest.prefix { $0 != UInt8(ascii: "?") }
        return path.count { $0 == UInt8(ascii: "/") } > 1 ? "contains more than one “/” after its host" : nil
    }

    /// A key of a URI's query that libpq does not know, for which it refuses the whole URI; nil if libpq knows every key, or if the
    /// unknown text is not plainly a key.
    static func unknownParameter(_ text: String) -> String? {
        guard text.lowercased().hasPrefix("postgres"), text.contains("://"),
            let query = text.split(separator: "?", maxSplits: 1).dropFirst().first
        else { return nil }
        return query.split(separator: "&").lazy.map { String($0.prefix { $0 != "=" }) }.first { key in
            !ConnectionParameters.knownKeywords.contains(key) && (1...40).contains(key.utf8.count)
                && key.utf8.allSatisfy { (0x61...0x7A).contains($0) || $0 == UInt8(ascii: "_") }
        }
    }
}
