import ConvoyPostgres

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

    /// Why a value is wrong for a keyword, in words that follow its name; nil if it is right. An empty value leaves the keyword to libpq's own default.
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
        case "host", "hostaddr", "dbname", "user", "service", "krbsrvname":
            return nameComplaint(keyword, value)
        default:
            return nil
        }
    }

    /// What is shown of a connection can hold no piece of a URL or of a login, which may be a secret.
    private static func nameComplaint(_ keyword: String, _ value: String) -> String? {
        if value.contains("://") { return "is a URL: write it under `url`" }
        switch keyword {
        case "host":
            let entries = value.split(separator: ",", omittingEmptySubsequences: false)
            return entries.allSatisfy(isHost) ? nil : "contains a character that is not allowed in a host; is it part of a URL?"
        case "hostaddr":
            return value.utf8.allSatisfy(isHostByte) ? nil : "is not a numeric address"
        case "dbname":
            // Azure's and others' names may hold one of these characters, a URL's rest has two.
            let isRest = value.contains("@") && value.contains { ":/".contains($0) } || value.contains("?") && value.contains("=")
            return isRest ? "looks like part of a URL: write the whole URL under `url`" : nil
        case "user":
            return value.contains("@") && value.contains(":") ? "looks like a login with its password" : nil
        default:
            return nil
        }
    }

    /// A name, an address, a socket's folder, or an abstract socket (`@name`).
    private static func isHost(_ entry: Substring) -> Bool {
        if entry.hasPrefix("/") { return !entry.utf8.contains { $0 < 0x20 || $0 == 0x7F || "@?#".utf8.contains($0) } }
        return (entry.hasPrefix("@") ? entry.dropFirst() : entry).utf8.allSatisfy { isHostByte($0) || $0 >= 0x80 }
    }

    private static func isHostByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: ".-_:%[],".utf8.contains(byte)
        }
    }

    /// Keys whose values are secrets, beside whole URLs.
    static let secrets: Set<String> = ["password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key"]
}
