import ConvoyFleet
import ConvoyIO
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun

extension Failure {
    /// Why no session could be had.
    init(connecting error: PostgresError, to instance: Instance) {
        if error.code == .cancelled {
            self.init(.interrupted, "interrupted while connecting")
            return
        }
        self.init(
            error.sqlstate == "3D000" ? .unprovisioned : .unreachable,
            error.message,
            sqlstate: error.sqlstate,
            hint: Self.hint(connecting: error, to: instance),
            serverHint: error.server?.hint
        )
    }

    /// For a session that was closed because the server sent too much.
    static let floodHint = "check the triggers, functions and views of this database: one of them sends far more data than the query needs"

    private static func hint(connecting error: PostgresError, to instance: Instance) -> String? {
        if ["28P01", "28000"].contains(error.sqlstate), let odd = instance.oddPassword { return odd }
        if let hint = error.passwordHint { return hint }
        if let message = error.server, let hint = SQLStateHint.text(for: message, on: .connecting) { return hint }
        switch error.code {
        case .secretUnavailable: return "run the program of the secret command as the user of convoy, with the same key"
        case .unknownHost: return "check the host's name in the fleet file"
        case .timedOut: return "check for a firewall in between and for another service on that port, or raise connect_timeout"
        case .invalidParameters: return "correct the connection in the fleet file"
        default: break
        }
        if error.message.contains("SSL") || error.message.contains("certificate") {
            return "the server does not offer the TLS that sslmode requires: check sslmode and sslrootcert"
        }
        if error.message.contains("Connection refused") || error.message.contains("No such file or directory") {
            return "is the server running, and are host and port correct?"
        }
        return nil
    }

    /// What the server said about a statement.
    ///
    /// What holds row contents is left out unless the fleet file asks for it.
    init(
        _ kind: Outcome,
        server message: ServerMessage,
        migration: Migration? = nil,
        statement: SQLStatement? = nil,
        settings: InstanceSettings
    ) {
        let showsDetail = settings.showsRowDetails || !message.detailHoldsRows
        self.init(
            kind,
            message.text(showingRows: settings.showsRowDetails),
            version: migration?.version,
            file: migration?.file,
            line: statement.map { statement in message.position.map(statement.line(atPosition:)) ?? statement.line },
            statement: statement?.text,
            position: message.position,
            sqlstate: message.sqlstate,
            detail: showsDetail ? message.detail : nil,
            hint: SQLStateHint.text(for: message, statement: statement?.text, on: migration == nil ? .anytime : .migrating),
            serverHint: message.hint
        )
    }

    /// What went wrong between us and the server outside a migration's statements.
    init(_ error: PostgresError, doing what: String, settings: InstanceSettings) {
        switch error.code {
        case .cancelled: self.init(.interrupted, "interrupted while \(what)")
        case .server:
            guard let message = error.server else { fallthrough }
            switch message.sqlstate {
            case "57014" where Task.isCancelled:
                // The server was faster to stop than the call to end.
                self.init(.interrupted, "interrupted while \(what)")
                return
            case "42501":
                self.init(.blocked, server: message, settings: settings)
            case "55P03":
                self.init(.lockBusy, server: message, settings: settings)
            default:
                self.init(.failed, server: message, settings: settings)
            }
            self.message = "\(what): \(self.message)"
        case .connectionLost, .timedOut:
            let hint = error.server.flatMap { SQLStateHint.text(for: $0, on: .anytime) } ?? "try again"
            self.init(.unreachable, "\(what): \(error.message)", sqlstate: error.sqlstate, hint: hint)
        case .overBudget:
            self.init(.failed, "\(what): \(error.message)", hint: Self.floodHint)
        default:
            self.init(.failed, "\(what): \(error.message)", sqlstate: error.sqlstate)
        }
    }
}

extension Instance {
    /// What looks odd in one of its passwords, as a hint for a failed login; nil if nothing does.
    fileprivate var oddPassword: String? {
        for parameters in [direct, connection, admin].compactMap(\.self) {
            let oddities = parameters["password"].map { Secret($0).oddities } ?? []
            if !oddities.isEmpty { return "the password \(SecretOddity.text(oddities)): remove what does not belong to it" }
        }
        return nil
    }
}

extension ServerMessage {
    /// Violated constraints and views' check options show the row, data exceptions the value. Only 22003 names the type instead.
    fileprivate var detailHoldsRows: Bool { isClass("23") || isClass("44") || isClass("22") && sqlstate != "22003" }

    /// The message. A data exception quotes the value that does not fit (`invalid input syntax for type bigint: "…"`), which comes from a row unless
    /// the message has a place in the statement.
    fileprivate func text(showingRows: Bool) -> String {
        // These quote encodings, and show the bytes of a character.
        if !showingRows, ["22021", "22P05"].contains(sqlstate) { return message.hidingBytes }
        let quotes = "\"“”„«»"
        guard !showingRows, isClass("22"), position == nil, let first = message.firstIndex(where: quotes.contains),
            let last = message.lastIndex(where: quotes.contains)
        else { return message }
        return message[..<first] + "…" + message[message.index(after: last)...]
    }
}

extension String {
    /// `0xe2 0x82 0xac` read as `…`.
    fileprivate var hidingBytes: String {
        var words: [Substring] = []
        for word in split(separator: " ", omittingEmptySubsequences: false) {
            guard word.hasPrefix("0x") else {
                words.append(word)
                continue
            }
            if words.last != "…" { words.append("…") }
        }
        return words.joined(separator: " ")
    }
}
