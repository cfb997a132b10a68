/// Turns libpq's text about a failed connection into an error. With verbose errors the text holds the server's SQLSTATE:
///
///     connection to server at "127.0.0.1", port 5432 failed: FATAL:  28P01: password authentication failed for user "alice"
enum ConnectFailure {
    static func error(libpqMessage: String, _ parameters: ConnectionParameters) -> PostgresError {
        // Continuation lines give advice ("Is the server running …") or places in the server's source.
        let lines = parameters.redacted(libpqMessage).split(separator: "\n")
            .filter { !$0.hasPrefix("\t") && !$0.hasPrefix("LOCATION:") && !$0.hasPrefix("DETAIL:") && !$0.hasPrefix("CONTEXT:") }
        let message = lines.joined(separator: "; ")
        guard let (severity, sqlstate, text) = serverMessage(in: lines.last ?? "") else {
            return PostgresError(.connectFailed, message.isEmpty ? "the connection failed without a reason" : message)
        }
        return PostgresError(.connectFailed, text, server: ServerMessage(severity: severity, sqlstate: sqlstate, message: text))
    }

    /// Finds `SEVERITY:  SQLSTATE: message`.
    private static func serverMessage(in line: Substring) -> (severity: String, sqlstate: String, message: String)? {
        var rest = line
        while let colon = rest.firstIndex(of: ":") {
            let severity = rest[..<colon].split(separator: " ").last ?? ""
            rest = rest[rest.index(after: colon)...]
            let code = rest.dropFirst(2).prefix(5)
            if rest.hasPrefix("  "), code.count == 5, code.allSatisfy({ $0.isASCII && ($0.isUppercase || $0.isNumber) }),
                rest.dropFirst(7).hasPrefix(": ")
            {
                return (String(severity), String(code), String(rest.dropFirst(9)))
            }
        }
        return nil
    }
}

extension ConnectionParameters {
    /// The text without the values of secret keywords, should libpq or a server repeat one.
    func redacted(_ text: String) -> String {
        var text = text
        for keyword in Self.secretKeywords {
            guard let secret = self[keyword], !secret.isEmpty else { continue }
            text = text.split(separator: secret, omittingEmptySubsequences: false).joined(separator: "•••")
        }
        return text
    }

    /// `host:port` or the socket's folder, for messages.
    var place: String {
        let host = self["host"] ?? self["hostaddr"] ?? "the default socket"
        guard let port = self["port"], !host.hasPrefix("/") else { return host }
        let hosts = host.split(separator: ",").map(String.init)
        guard hosts.count > 1 else { return "\(host):\(port)" }
        return Set(hosts).sorted().joined(separator: ",")
    }
}
