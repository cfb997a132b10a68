import ConvoyIO
internal import ConvoyMigrations
import ConvoyPostgres
import ConvoyText

/// What libpq reads by itself: password files and service files. Convoy reads them only to know what to mask, and to say why libpq would not.
extension FleetReader {
    private static let passwordFileLimit = 1 << 20

    /// Takes the passwords out of the files that the connections use.
    func rememberPasswordFiles(_ connections: [ConnectionParameters]) {
        let home = environment["HOME"].flatMap { $0.isEmpty ? nil : $0 }
        func given(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        var passwordFiles: [String] = []
        for path in connections.compactMap({ $0["passfile"] }) where !passwordFiles.contains(path) { passwordFiles.append(path) }
        for path in passwordFiles { rememberPasswords(inFile: path, isNamed: true) }
        if let path = given("PGPASSFILE") ?? home.map({ $0 + "/.pgpass" }), !passwordFiles.contains(path) {
            rememberPasswords(inFile: path, isNamed: false)
        }
        guard given("PGSERVICE") != nil || connections.contains(where: { $0["service"] != nil }) else { return }
        for path in [
            given("PGSERVICEFILE") ?? home.map { $0 + "/.pg_service.conf" }, given("PGSYSCONFDIR").map { $0 + "/pg_service.conf" },
        ] {
            if let path { rememberServicePasswords(inFile: path) }
        }
    }

    private func rememberPasswords(inFile path: String, isNamed: Bool) {
        guard let contents = try? readFileContents(path, limit: Self.passwordFileLimit) else { return }
        let (bytes, isExposed) = (contents.bytes, contents.isExposed)
        let text = String(decoding: bytes, as: UTF8.self)
        for line in text.split(whereSeparator: \.isNewline) where !line.hasPrefix("#") {
            if let password = Self.lastField(of: line), !password.isEmpty { secrets.values.insert(password) }
        }
        guard isNamed else { return }
        if isExposed {
            note(
                .warning,
                at: nil,
                "libpq ignores the password file “\(path)”, which other users can read",
                hint: "restrict it with chmod 600"
            )
        }
        if text.unicodeScalars.first == "\u{FEFF}" {
            note(
                .warning,
                at: nil,
                "the password file “\(path)” begins with a byte order mark, so its first line matches no host",
                hint: "remove it"
            )
        }
    }

    /// The fifth of five fields between colons; a backslash takes what follows as it is.
    private static func lastField(of line: Substring) -> String? {
        var field = ""
        var count = 1
        var isEscaped = false
        for scalar in line.unicodeScalars {
            if isEscaped {
                field.unicodeScalars.append(scalar)
                isEscaped = false
            } else if scalar == "\\" {
                isEscaped = true
            } else if scalar == ":", count < 5 {
                count += 1
                field = ""
            } else {
                field.unicodeScalars.append(scalar)
            }
        }
        return count == 5 ? field : nil
    }

    private func rememberServicePasswords(inFile path: String) {
        guard let bytes = try? readFile(path, limit: Self.passwordFileLimit) else { return }
        for line in String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline) {
            let pair = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard pair.count == 2, !pair[1].isEmpty, ConnectionKeywords.secrets.contains(String(pair[0])) else { continue }
            secrets.values.insert(String(pair[1]))
        }
    }
}
