internal import ConvoyPostgres

/// What libpq's keywords take, so that a wrong value shows before anything is touched.
enum ConnectionKeywords {
    /// Keys that stand for a connection in the fleet file: libpq's own, `database` for `dbname`, and `url`.
    static let keys: Set<String> = ConnectionParameters.knownKeywords.subtracting(["connect_timeout"]).union(["database", "url"])

    /// Values that name a file; relative ones start where the fleet file is.
    static let paths: Set<String> = ["passfile", "sslcert", "sslkey", "sslrootcert", "sslcrl", "sslcrldir", "sslkeylogfile"]

    /// What Convoy decides itself.
    static let ownKeywords: Set<String> = ["replication", "client_encoding"]

    /// Words that a keyword takes.
    private static let choices: [String: [String]] = {
        let tlsVersions = ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]
        return [
            "sslmode": ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"],
            "sslnegotiation": ["postgres", "direct"],
            "sslcertmode": ["disable", "allow", "require"],
            "sslcompression": ["0", "1"],
            "sslsni": ["0", "1"],
            "channel_binding": ["disable", "prefer", "require"],
            "gssencmode": ["disable", "prefer", "require"],
            "gssdelegation": ["0", "1"],
            "keepalives": ["0", "1"],
            "load_balance_hosts": ["disable", "random"],
            "target_session_attrs": ["any", "read-write", "read-only", "primary", "standby", "prefer-standby"],
            "ssl_min_protocol_version": tlsVersions,
            "ssl_max_protocol_version": tlsVersions,
        ]
    }()

    private static let numbers: Set<String> = ["keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout"]

    /// Why a value is wrong for a keyword, in words that follow its name; nil where it is not. An empty value leaves the keyword to libpq's own default.
    static func complaint(_ keyword: String, _ value: String) -> String? {
        if value.isEmpty { return nil }
        if let words = choices[keyword] {
            return words.contains(value) ? nil : "must be one of \(words.joined(separator: ", "))"
        }
        if numbers.contains(keyword) {
            return Int32(value).map { $0 >= 0 } ?? false ? nil : "must be a whole number"
        }
        switch keyword {
        case "port":
            let ports = value.split(separator: ",", omittingEmptySubsequences: false)
            let areGood = ports.allSatisfy { port in
                port.utf8.allSatisfy { (48...57).contains($0) } && (port.isEmpty || (1...65535).contains(Int(port) ?? 0))
            }
            return areGood ? nil : "must be a whole number from 1 to 65535"
        case "host", "hostaddr", "dbname", "user":
            return value.contains("://") ? "is a URL; that goes under `url`" : nil
        default:
            return nil
        }
    }
}
