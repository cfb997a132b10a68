import ConvoyIO
internal import ConvoyMigrations
import ConvoyPostgres
import ConvoyText

extension FleetReader {
    /// What one level says on a connection.
    struct ConnectionLevel {
        var parameters = ConnectionParameters()
        /// From a URL; in the file itself `connect_timeout` is a setting.
        var connectTimeout: Duration?
        /// False if something of it could not be read.
        var isComplete = true
    }

    /// Reads `url` and libpq's keywords; a keyword beside the URL wins over it.
    func connectionLevel(_ section: Section) -> ConnectionLevel {
        var level = section["url"].map(url) ?? ConnectionLevel()
        for field in section.fields where field.key != "url" && ConnectionKeywords.keys.contains(field.key) {
            let keyword = field.key == "database" ? "dbname" : field.key
            if field.key == "dbname", section["database"] != nil {
                note(at: field.keyMark, "`database` and `dbname` mean the same", hint: "remove one of them")
                continue
            }
            let isSecret = ConnectionKeywords.secrets.contains(keyword)
            let given = isSecret ? secret(field, "`\(keyword)`", for: .password, canBeLate: true) : expanded(field)
            guard let value = given, accept(keyword, value.text, field) else {
                level.isComplete = false
                continue
            }
            if value.isLate {
                level.parameters[late: keyword] = late(value.text, value)
                continue
            }
            if value.isLiteral, isSecret { noteLiteral("`\(keyword)`", field) }
            let isPath = ConnectionKeywords.paths.contains(keyword) && !value.text.isEmpty && value.text != "system"
            level.parameters[keyword] = isPath ? resolve(value.text) : value.text
        }
        return level
    }

    /// Reads a libpq URI or `key=value` string.
    func url(_ field: Field) -> ConnectionLevel {
        guard let value = secret(field, "`\(field.key)`", for: .address, canBeLate: true) else { return ConnectionLevel(isComplete: false) }
        guard !isOnlyLate(value) else {
            note(
                at: field.node.mark,
                "`\(field.key)` cannot come from a secret command as a whole: its host and database must be known before",
                hint: "write its parts; only a password can come from a secret command"
            )
            return ConnectionLevel(isComplete: false)
        }
        if let complaint = URLText.complaint(value.text) {
            note(at: field.node.mark, "`\(field.key)` \(complaint), so it cannot be split into its parts", hint: URLText.encodingHint)
            return ConnectionLevel(isComplete: false)
        }
        guard !value.text.isEmpty, let parsed = try? ConnectionParameters(conninfo: value.text) else {
            if let unknown = URLText.unknownParameter(value.text) {
                let known = ConnectionParameters.knownKeywords
                note(field, "`\(field.key)` has no parameter `\(unknown)`", hint: suggestion(for: unknown, among: known))
                return ConnectionLevel(isComplete: false)
            }
            note(
                field,
                "`\(field.key)` is neither a libpq URI nor a key=value string",
                hint: "write for example postgresql://user@host:5432/database; \(URLText.encodingHint)"
            )
            return ConnectionLevel(isComplete: false)
        }
        var level = ConnectionLevel()
        for keyword in parsed.keywords {
            guard let text = parsed[keyword] else { continue }
            if holdsLate(text, value) {
                guard ConnectionKeywords.secrets.contains(keyword) else {
                    note(
                        at: field.node.mark,
                        "the `\(keyword)` of `\(field.key)` cannot come from a secret command",
                        hint: Self.lateHint
                    )
                    level.isComplete = false
                    continue
                }
                level.parameters[late: keyword] = late(text, value)
                continue
            }
            if ConnectionKeywords.secrets.contains(keyword) {
                secrets.values.insert(text)
                remember(value, value.pieces.filter { text.contains($0.text.percentDecoded ?? $0.text) }, at: field.node.mark)
            }
            guard accept(keyword, text, field) else { continue }
            if keyword == "connect_timeout" {
                guard let seconds = Int64(text), (1...86400).contains(seconds) else {
                    note(field, "its `connect_timeout` must be a whole number of seconds, 1 or more")
                    continue
                }
                level.connectTimeout = .seconds(seconds)
            } else {
                level.parameters[keyword] = text
            }
        }
        if hasLiteralPassword(field) { noteLiteral("the password in `\(field.key)`", field) }
        return level
    }

    private func accept(_ keyword: String, _ value: String, _ field: Field) -> Bool {
        if ConnectionKeywords.ownKeywords.contains(keyword) {
            note(at: field.keyMark, "`\(keyword)` cannot be set", hint: "Convoy sets it: remove it")
            return false
        }
        if keyword == "options" {
            note(.warning, at: field.keyMark, "most poolers refuse `options`", hint: "use a key of the fleet file, or ALTER ROLE … SET")
        }
        if keyword == "password", value.isEmpty {
            note(field, "the password is empty", hint: "remove the key to use a password file or no password")
            return false
        }
        switch keyword {
        case "host", "hostaddr", "port", "service": noteOddCharacter(.error, in: value, of: "`\(keyword)`", field)
        case "dbname", "user": noteOddCharacter(in: value, of: "`\(field.key == "url" ? keyword : field.key)`", field)
        default: break
        }
        guard let complaint = ConnectionKeywords.complaint(keyword, value) else { return true }
        // A piece of a secret may have slipped in.
        let isWord = value.unicodeScalars.allSatisfy { $0.isASCII && ($0.properties.isAlphabetic || ("0"..."9").contains($0) || $0 == "-") }
        note(at: field.node.mark, "`\(keyword)` \(complaint)", text: isWord ? field.shownText : nil)
        return false
    }

    /// Whether some of the URL's password stands in the file, and not in a variable.
    private func hasLiteralPassword(_ field: Field) -> Bool {
        guard case .scalar(let scalar) = field.node.content, let template = try? Template(scalar.text) else { return false }
        let marker = "convoyvariable"
        let text = template.parts.map { if case .literal(let text) = $0 { text } else { marker } }.joined()
        guard let password = (try? ConnectionParameters(conninfo: text))?["password"] else { return false }
        return !password.isEmpty && !password.contains(marker)
    }

    // MARK: Other connections of an instance

    /// Reads `admin`.
    func admin(_ field: Field) -> ConnectionParameters? {
        guard let section = section(field, "`admin`", keys: ConnectionKeywords.keys) else { return nil }
        guard !section.fields.isEmpty else {
            note(at: field.keyMark, "`admin` is empty", hint: "give it a `user`, or remove it")
            return nil
        }
        let level = connectionLevel(section)
        if level.connectTimeout != nil {
            note(
                at: section["url"]?.keyMark,
                "`admin` has a `connect_timeout`",
                hint: "remove it: the `connect_timeout` of the instance applies"
            )
        }
        var parameters = level.parameters
        if parameters["dbname"] != nil {
            parameters["dbname"] = nil
            let mark = (section["database"] ?? section["dbname"] ?? section["url"])?.keyMark
            note(at: mark, "`admin` names a database", hint: "remove the name: `admin` connects to the instance's database")
        }
        return parameters
    }

    /// Reads `direct`: a URL or a mapping.
    func direct(_ field: Field) -> ConnectionLevel? {
        if case .scalar = field.node.content { return url(field) }
        guard let section = section(field, "`direct`", keys: ConnectionKeywords.keys) else { return nil }
        guard !section.fields.isEmpty else {
            note(at: field.keyMark, "`direct` is empty", hint: "give it a `host` or `port`, or remove it")
            return nil
        }
        return connectionLevel(section)
    }

    /// Reads `secrets`.
    func secrets(_ field: Field) -> StepSecrets {
        var secrets = StepSecrets()
        guard let section = section(field, "`secrets`", keys: nil) else { return secrets }
        for field in section.fields {
            guard Self.isName(field.key) else {
                note(at: field.keyMark, "a secret's name is not valid", hint: "use letters, digits, “.”, “_” and “-”")
                continue
            }
            let isExact = if case .mapping = field.node.content { true } else { false }
            guard let value = isExact ? exactSecret(field) : secret(field, "secret `\(field.key)`", for: .key, canBeLate: true) else {
                continue
            }
            if value.isLate {
                secrets.late[field.key] = late(value.text, value, isExact: isExact)
                continue
            }
            guard !value.text.isEmpty else {
                note(field, "the secret is empty")
                continue
            }
            if value.isLiteral { noteLiteral("secret `\(field.key)`", field) }
            secrets.known[field.key] = Secret(value.text, isExact: isExact)
        }
        return secrets
    }

    /// Reads `{exact: …}`: what looks odd in the secret belongs to it.
    private func exactSecret(_ field: Field) -> Text? {
        guard let section = section(field, "secret `\(field.key)`", keys: ["exact"]) else { return nil }
        guard let field = section["exact"] else {
            note(at: field.keyMark, "secret `\(field.key)` has no value", hint: "write {exact: \"${file:PATH}\"}, or the secret itself")
            return nil
        }
        guard let value = expanded(field, canBeLate: true) else { return nil }
        remember(value, value.pieces, at: field.node.mark)
        return value
    }
}
