import ConvoyText

/// Turns libpq's text about a failed connection into an error. With verbose errors the text holds the server's SQLSTATE:
///
///     connection to server at "127.0.0.1", port 5432 failed: FATAL:  28P01: password authentication failed for user "alice"
///     LOCATION:  auth_failed, auth.c:338
enum ConnectFailure {
    /// - Parameter beforeDialling: libpq refused to begin.
    static func error(libpqMessage: String, beforeDialling: Bool, _ parameters: ConnectionParameters) -> PostgresError {
        let text = ServerText.text(parameters.redacted(libpqMessage), limit: ServerText.connectionLimit)
        let lines = text.split(whereSeparator: \.isNewline)
        // The last one, because without `sslmode=require` and its like libpq may have tried twice.
        for index in lines.indices.reversed() {
            guard let begin = serverMessage(in: lines[index]) else { continue }
            let message = complete(begin, lines[(index + 1)...]).cut
            return PostgresError(.connectFailed, message.message, server: message)
        }
        // Indented lines give general advice ("Is the server running …").
        let advice = ServerText.text(lines.filter { !$0.hasPrefix("\t") }.joined(separator: "; "))
        // What libpq says before it opens a socket is about the parameters themselves.
        let code = beforeDialling && !advice.contains("connection to server") ? PostgresError.Code.invalidParameters : .connectFailed
        return PostgresError(code, advice.isEmpty ? "the connection failed without a reason" : advice)
    }

    /// Finds `SEVERITY:  SQLSTATE: message`. The severity's word may be in the server's language.
    private static func serverMessage(in line: Substring) -> ServerMessage? {
        var rest = line
        while let colon = rest.firstIndex(of: ":") {
            let word = rest[..<colon].split(separator: " ").last ?? ""
            rest = rest[rest.index(after: colon)...]
            let code = rest.dropFirst(2).prefix(5)
            if rest.hasPrefix("  "), code.count == 5, code.allSatisfy({ $0.isASCII && ($0.isUppercase || $0.isNumber) }),
                rest.dropFirst(7).hasPrefix(": ")
            {
                // Every error that a server makes before the session is there is a FATAL one.
                let severity = ["ERROR", "PANIC"].contains(word) ? String(word) : "FATAL"
                return ServerMessage(severity: severity, sqlstate: String(code), message: String(rest.dropFirst(9)))
            }
        }
        return nil
    }

    /// Adds the lines that belong to the same message.
    private static func complete(_ begin: ServerMessage, _ lines: ArraySlice<Substring>) -> ServerMessage {
        let fields: [(name: String, path: WritableKeyPath<ServerMessage, String?>)] = [
            ("DETAIL:  ", \.detail), ("HINT:  ", \.hint), ("CONTEXT:  ", \.context), ("QUERY:  ", \.internalQuery),
            ("LOCATION:  ", \.sourceRoutine),
        ]
        var message = begin
        var current: WritableKeyPath<ServerMessage, String?>?
        for line in lines {
            if let (name, path) = fields.first(where: { line.hasPrefix($0.name) }) {
                message[keyPath: path] = String(line.dropFirst(name.count))
                current = path
            } else if let current {
                message[keyPath: current]?.append("\n\(line)")
            } else {
                message.message += "\n\(line)"
            }
        }
        // `routine, file:line`
        let place = (message.sourceRoutine ?? "").split(whereSeparator: { $0 == "," || $0 == ":" })
        if place.count == 3 {
            message.sourceRoutine = String(place[0])
            message.sourceFile = String(place[1].drop { $0 == " " })
            message.sourceLine = String(place[2])
        }
        return message
    }
}

extension ServerMessage {
    /// With texts of the length that a session's messages have.
    fileprivate var cut: ServerMessage {
        var message = self
        message.message = ServerText.text(message.message)
        for path in [\.detail, \.hint, \.context, \.internalQuery, \.sourceRoutine] as [WritableKeyPath<ServerMessage, String?>] {
            message[keyPath: path] = message[keyPath: path].map { ServerText.text($0) }
        }
        return message
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

    /// `host:port/database` with what libpq would choose where nothing is given, for messages.
    package var databasePlace: String {
        let defaults = ConnectionParameters.defaults()
        func value(_ keyword: String) -> String? { self[keyword] ?? defaults[keyword] }
        let host = self["host"] ?? self["hostaddr"] ?? defaults["host"] ?? defaults["hostaddr"] ?? "localhost"
        let database = self["dbname"] ?? self["user"] ?? defaults["dbname"] ?? "postgres"
        let shownHost = host.contains(":") && !host.contains(",") ? "[\(host)]" : host
        let text = host.hasPrefix("/") ? "\(host)/\(database)" : "\(shownHost):\(value("port") ?? "5432")/\(database)"
        return text.visible.prefix(bytes: 300)
    }

    /// `host:port` or the socket's folder, for messages.
    var place: String {
        let host = self["host"] ?? self["hostaddr"] ?? "the default socket"
        guard let port = self["port"], !host.hasPrefix("/"), !host.hasPrefix("@") else { return host }
        let address = self["hostaddr"].map { $0 == host ? "" : " (\($0))" } ?? ""
        return host.contains(":") ? "[\(host)]:\(port)\(address)" : "\(host):\(port)\(address)"
    }
}
