import ConvoyIO
internal import ConvoyMigrations
internal import ConvoyPostgres
import ConvoyText
internal import FoundationEssentials

extension FleetReader {
    static let webhookKeys: Set<String> = ["url", "format", "on", "timeout", "retries", "headers"]
    /// Convoy's own, or what would make it another request.
    private static let ownHeaders: Set<String> = [
        "connection", "content-length", "content-type", "expect", "host", "te", "trailer", "transfer-encoding", "upgrade",
    ]
    private static let longestTimeout = Duration.seconds(300)

    /// Reads `notifications`.
    func webhooks(_ field: Field) -> [Webhook] {
        let hint = "write for example - {url: \"${env:HOOK_URL}\", on: [gate-waiting, run-finished]}"
        guard let items = list(field, hint: hint) else { return [] }
        if items.isEmpty { note(field, "`notifications` is empty", hint: "list one, or remove the key") }
        return items.compactMap { webhook($0, hint: hint) }
    }

    private func webhook(_ item: Field, hint: String) -> Webhook? {
        guard let section = section(item, "a notification", keys: Self.webhookKeys) else { return nil }
        if section.lacks("url") { note(at: section.mark, "a notification has no `url`", hint: hint) }
        let lateAddress = section["url"].flatMap { asksCommand($0) ? lateURL($0) : nil }
        // What is known late is judged late.
        let url = lateAddress != nil ? "" : section["url"].flatMap { asksCommand($0) ? nil : webhookURL($0) }
        let format = choice(section["format"], among: Webhook.Format.allCases.map(\.rawValue)).flatMap(Webhook.Format.init)
        let occasions = section["on"].flatMap(occasions)
        let timeout = duration(section["timeout"], atLeast: .milliseconds(1))
        if let timeout, timeout > Self.longestTimeout, let field = section["timeout"] {
            note(field, "`timeout` is too long", hint: "the maximum is 5m, because a run waits for its last notifications")
        }
        let retries = integer(section["retries"], in: 0...10)
        let headers = section["headers"].map(headers) ?? []
        guard let url else { return nil }
        var webhook = Webhook(url: Secret(url), headers: headers, line: section.mark.line)
        webhook.lateURL = lateAddress
        if let format { webhook.format = format }
        if let occasions { webhook.occasions = occasions }
        if let timeout { webhook.timeout = timeout }
        if let retries { webhook.retries = retries }
        return webhook
    }

    private func lateURL(_ field: Field) -> LateSecret? {
        secret(field, "`\(field.key)`", for: .address, canBeLate: true).map { late($0.text, $0) }
    }

    private func webhookURL(_ field: Field) -> String? {
        guard let text = secretURL(field) else { return nil }
        guard let url = URL(string: text), ["http", "https"].contains(url.scheme?.lowercased()), let host = url.host(), !host.isEmpty else {
            note(field, "`url` must be an http or https URL")
            return nil
        }
        return hasUsablePort(text, field) ? text : nil
    }

    /// Notes a port that no server can have.
    func hasUsablePort(_ url: String, _ field: Field) -> Bool {
        if URLPort.isUsable(in: url) { return true }
        note(field, "`\(field.key)`: its \(URLPort.complaint)", hint: "correct the port, or remove it for that of the scheme")
        return false
    }

    /// Reads `dashboard`: the base of the URLs that messages have. They may be read by more people than the dashboard lets in, so it has no login.
    func dashboard(_ field: Field) -> String? {
        guard let text = text(field) else { return nil }
        guard let url = URL(string: text), ["http", "https"].contains(url.scheme?.lowercased()), let host = url.host(), !host.isEmpty,
            text.unicodeScalars.allSatisfy({ ("!"..."~").contains($0) && !"<>|\"".unicodeScalars.contains($0) })
        else {
            note(field, "`dashboard` must be an http or https URL", hint: "write for example https://convoy.internal")
            return nil
        }
        guard url.user() == nil, url.password() == nil, url.query() == nil, url.fragment() == nil else {
            note(
                at: field.node.mark,
                "`dashboard` has more than a host and a path",
                hint: "write for example https://convoy.internal/convoy"
            )
            return nil
        }
        guard hasUsablePort(text, field) else { return nil }
        var base = text
        while base.hasSuffix("/") { base.removeLast() }
        return base
    }

    private func occasions(_ field: Field) -> Set<Webhook.Occasion>? {
        guard let items = list(field, allowsSingle: true) else { return nil }
        if items.isEmpty { note(field, "`on` is empty", hint: "name an occasion, or remove the key to be notified of all") }
        let words = Webhook.Occasion.allCases.map(\.rawValue)
        let occasions = items.compactMap { choice($0, among: words).flatMap(Webhook.Occasion.init) }
        return occasions.count == items.count && !occasions.isEmpty ? Set(occasions) : nil
    }

    private func headers(_ field: Field) -> [Webhook.Header] {
        guard let section = section(field, "`headers`", keys: nil) else { return [] }
        var lines: [String: Int] = [:]
        return section.fields.compactMap { field in
            let name = field.key.lowercased()
            guard !name.isEmpty, name.utf8.allSatisfy(Self.isHeaderNameByte) else {
                note(at: field.keyMark, "a header's name is not valid", hint: "use letters, digits and “-”")
                return nil
            }
            guard !Self.ownHeaders.contains(name) else {
                note(at: field.keyMark, "the header `\(field.key)` cannot be set", hint: "Convoy sets it: remove it")
                return nil
            }
            if let line = lines.updateValue(field.keyMark.line, forKey: name) {
                note(at: field.keyMark, "the header `\(field.key)` is given twice", hint: "the first one is on line \(line)")
                return nil
            }
            guard let value = secret(field, "header `\(field.key)`", for: .password, canBeLate: true) else { return nil }
            if value.isLate {
                var header = Webhook.Header(name: field.key, value: Secret(""))
                header.late = late(value.text, value)
                return header
            }
            secrets.values.formUnion(value.text.split(separator: " ").dropFirst().map(String.init))
            // A line break would begin another header.
            guard Webhook.Header.isValue(value.text) else {
                note(
                    field,
                    "the header `\(field.key)` contains a character that is not allowed in a header",
                    hint: "write one line of ASCII characters"
                )
                return nil
            }
            if value.isLiteral, ["auth", "token", "secret", "key", "cookie"].contains(where: name.contains) {
                noteLiteral("header `\(field.key)`", field)
            }
            return Webhook.Header(name: field.key, value: Secret(value.text))
        }
    }

    /// RFC 9110, 5.6.2.
    private static func isHeaderNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }
}
