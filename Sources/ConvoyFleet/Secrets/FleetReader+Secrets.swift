import ConvoyIO
internal import ConvoyMigrations
import ConvoyPostgres
import ConvoyText

/// What a reader has learnt of the secrets in a fleet file.
struct SecretNotes {
    /// Each value that must not be shown, and each variable and file that one is made of.
    var values: Set<String> = []
    /// The variables of the environment that they come from.
    var variables: Set<String> = []
    /// Files with a secret that other users of the machine can read, in the order of the fleet file, with the place of the first.
    var exposedFiles: [String] = []
    var exposedAt: YAMLNode.Mark?
    /// The first secret that stands in the fleet file itself.
    var literalAt: YAMLNode.Mark?
    /// Problems that were reported once already.
    var told: Set<String> = []
}

extension FleetReader {
    /// What a secret is for, which decides what may be odd about it.
    enum SecretUse {
        /// It encrypts: what was encrypted with another one is lost.
        case key
        /// The server judges it, and a real one may look odd.
        case password
        /// A URL or a connection string, which has no odd characters.
        case address
    }

    /// A value that must not be shown, judged. Empty ones are for the caller.
    ///
    /// - Parameters:
    ///   - name: what messages call it.
    ///   - canBeLate: whether a secret command may give it, or a part of it.
    func secret(_ field: Field, _ name: String, for use: SecretUse, canBeLate: Bool = false) -> Text? {
        guard let value = expanded(field, canBeLate: canBeLate) else { return nil }
        // A part of an address may be a host; its reader knows which part is the password.
        remember(value, use == .address && value.origin == nil ? [] : value.pieces, at: field.node.mark)
        let oddities = SecretOddity.all(in: value.text).filter { $0 != .empty || !value.text.isEmpty }
        guard !oddities.isEmpty else { return value }
        let message = name + (value.origin.map { " (from \($0)) " } ?? " ") + SecretOddity.text(oddities)
        switch use {
        case .key:
            note(
                at: field.node.mark,
                message,
                hint:
                    "data encrypted with a wrong key can never be read again: remove what does not belong to the key, or write {exact: …} if it does"
            )
            return nil
        case .address:
            note(at: field.node.mark, message, hint: "remove what does not belong to it")
            return nil
        case .password:
            // Thousands of instances may share one variable.
            if secrets.told.insert(message).inserted {
                note(
                    .warning,
                    at: field.node.mark,
                    message,
                    hint: "remove it unless it is part of the password; `printf %s` writes no line break"
                )
            }
            return value
        }
    }

    /// Keeps what must be masked, and what other users could read.
    ///
    /// - Parameter pieces: those of the value that are secrets.
    func remember(_ value: Text, _ pieces: [Piece], at mark: YAMLNode.Mark) {
        // One that is not whole yet turns up nowhere.
        if !value.isLate { secrets.values.insert(value.text) }
        for piece in pieces {
            secrets.values.insert(piece.text)
            if let variable = piece.variable { secrets.variables.insert(variable) }
            guard let path = piece.file, exposedContents.contains(path), !secrets.exposedFiles.contains(path) else { continue }
            secrets.exposedFiles.append(path)
            secrets.exposedAt = secrets.exposedAt ?? mark
        }
    }

    /// A literal secret is written in the fleet file.
    func noteLiteral(_ secret: String, _ field: Field) {
        secrets.literalAt = secrets.literalAt ?? field.node.mark
        if case .scalar(let scalar) = field.node.content, let variable = Self.shellVariable(scalar.text) {
            // Only a name that the environment has is shown: else it may be a password that begins with a dollar sign.
            let name = environment[variable] == nil ? "NAME" : variable
            note(
                .warning,
                at: field.node.mark,
                "\(secret) is taken literally: “$” does not start a variable here",
                hint: "write ${env:\(name)}"
            )
            return
        }
        note(
            .warning,
            at: field.node.mark,
            "\(secret) is written in the fleet file",
            hint: "use ${env:NAME}, ${file:PATH} or a password file"
        )
    }

    /// The name of a variable that a text would be to a shell: `$NAME`, and `NAME` in braces after the dollar sign is refused elsewhere.
    private static func shellVariable(_ text: String) -> String? {
        guard text.utf8.first == UInt8(ascii: "$") else { return nil }
        let name = text.dropFirst()
        guard let first = name.unicodeScalars.first, !("0"..."9" ~= first), name.unicodeScalars.allSatisfy(Self.isVariableCharacter) else {
            return nil
        }
        return String(name)
    }

    private static func isVariableCharacter(_ scalar: Unicode.Scalar) -> Bool {
        scalar == "_" || "a"..."z" ~= scalar || "A"..."Z" ~= scalar || "0"..."9" ~= scalar
    }

    /// An http URL that holds a login or a token, perhaps.
    func secretURL(_ field: Field) -> String? {
        guard let value = secret(field, "`\(field.key)`", for: .address) else { return nil }
        let text = value.text
        guard !text.isEmpty else {
            note(field, "`\(field.key)` is empty")
            return nil
        }
        remember(value, value.pieces, at: field.node.mark)
        rememberParts(ofURL: text)
        guard let complaint = URLText.complaint(text) else { return text }
        note(at: field.node.mark, "`\(field.key)` \(complaint), so it cannot be split into its parts", hint: URLText.encodingHint)
        return nil
    }

    /// Keeps the parts of an http URL that are secrets by themselves: the login, and what of path and query is long enough to be a token.
    func rememberParts(ofURL text: String) {
        guard let scheme = text.firstRange(of: "://") else { return }
        let rest = text[scheme.upperBound...]
        let authority = rest.prefix { !"/?".contains($0) }
        if let at = authority.lastIndex(of: "@") {
            for part in authority[..<at].split(separator: ":", maxSplits: 1).dropFirst() {
                secrets.values.insert(String(part))
                if let plain = String(part).percentDecoded { secrets.values.insert(plain) }
            }
        }
        let tail = rest[authority.endIndex...]
        if tail.utf8.count >= Self.tokenLength { secrets.values.insert(String(tail)) }
        for part in tail.split(whereSeparator: { "/?&=;".contains($0) }) where part.utf8.count >= Self.tokenLength {
            secrets.values.insert(String(part))
        }
    }

    /// Shorter pieces of a path are words.
    private static let tokenLength = 16

    // MARK: Warnings on the whole

    /// Reports which secrets other users of the machine can read.
    func noteExposedSecrets(isFileExposed: Bool) {
        if isFileExposed, let mark = secrets.literalAt {
            note(
                .warning,
                at: mark,
                "the fleet file contains a secret, and other users of this machine can read it",
                hint: "chmod 600 \(file), and keep secrets out of it"
            )
        }
        guard let first = secrets.exposedFiles.first else { return }
        let more = secrets.exposedFiles.count - 1
        note(
            .warning,
            at: secrets.exposedAt,
            "the secret in “\(first)”" + (more > 0 ? " and those in \(more) more \(more == 1 ? "file" : "files")" : "")
                + " can be read by other users of this machine",
            hint: "use chmod 600 to restrict \(more > 0 ? "them" : "it") to your user"
        )
    }

    /// Reports which passwords an attacker on the network could get: where the server does not have to prove its identity.
    func noteUnprovenServers(_ connections: [(parameters: ConnectionParameters, mark: YAMLNode.Mark)]) {
        var addresses: [String] = []
        var modes: Set<String> = []
        var mark: YAMLNode.Mark?
        for (parameters, place) in connections {
            guard let mode = unprovenMode(parameters) else { continue }
            let host = parameters["host"] ?? parameters["hostaddr"] ?? ""
            if !addresses.contains(host) { addresses.append(host) }
            modes.insert(mode)
            mark = mark ?? place
        }
        guard let first = addresses.first else { return }
        let more = addresses.count - 1
        let isEncrypted = modes.allSatisfy { ["require", "verify-ca"].contains($0) }
        note(
            .warning,
            at: mark,
            "host “\(first)”" + (more > 0 ? " and \(more) more \(more == 1 ? "is" : "are")" : " is")
                + " given a password with sslmode=\(modes.sorted().joined(separator: ", ")): "
                + (isEncrypted
                    ? "another server can pose as \(more > 0 ? "them" : "it")"
                    : "another server can pose as \(more > 0 ? "them" : "it"), and the password may be sent unencrypted"),
            hint: "use sslmode: verify-full with sslrootcert, or channel_binding: require"
        )
    }

    /// The mode by which a host that is not this machine is sent a password without proof; nil if no password is sent that way.
    private func unprovenMode(_ parameters: ConnectionParameters) -> String? {
        guard parameters["service"] == nil, parameters["channel_binding"] != "require",
            ["password", "passfile"].contains(where: parameters.has)
        else { return nil }
        let mode = [parameters["sslmode"], environment["PGSSLMODE"]].compactMap(\.self).first { !$0.isEmpty } ?? "prefer"
        guard mode != "verify-full" else { return nil }
        let hosts = (parameters["hostaddr"] ?? parameters["host"] ?? environment["PGHOST"] ?? "")
            .split(separator: ",", omittingEmptySubsequences: false)
        return hosts.allSatisfy(Self.isThisMachine) ? nil : mode
    }

    private static func isThisMachine(_ host: Substring) -> Bool {
        guard let first = host.first else { return true }
        return first == "/" || first == "@" || host.lowercased() == "localhost" || host.hasPrefix("127.") || host == "::1"
    }
}

extension String {
    /// The text with its percent-encoding decoded; nil if it has none, or if it cannot be decoded.
    package var percentDecoded: String? {
        guard utf8.contains(UInt8(ascii: "%")) else { return nil }
        var bytes: [UInt8] = []
        var rest = Array(utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard rest.count >= 2, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) else { return nil }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
