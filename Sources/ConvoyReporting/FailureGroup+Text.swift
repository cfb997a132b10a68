internal import ConvoyMigrations
internal import ConvoyRollout
import ConvoyRun
import ConvoyText

extension Failure {
    /// `Migrations/20260808090000_x.sql:7`; nil if no file is at fault.
    var place: String? { file.map { file in line.map { "\(file):\($0)" } ?? file } }

    /// The holder of the lock, unless the message names it already.
    var unnamedHolder: LockHolder? {
        lockedBy.flatMap { message.contains($0.transaction ?? String($0.pid)) ? nil : $0 }
    }

    /// One line: place, message, SQLSTATE.
    var headline: String {
        var text = (place.map { "\($0): " } ?? version.map { "\($0): " } ?? "") + message
        if let sqlstate { text += " (SQLSTATE \(sqlstate))" }
        return text.visible
    }
}

extension LockHolder {
    /// `pid 4711 (psql from 10.0.0.7, session since 2026-08-08T09:00:00Z)`.
    var text: String {
        if let kind, kind != .session { return description.visible }
        var facts = application.isEmpty ? [] : [application]
        if let address { facts = [(facts + ["from \(address)"]).joined(separator: " ")] }
        if let since { facts.append("session since \(since)") }
        return facts.isEmpty ? "pid \(pid)" : "pid \(pid) (\(facts.map(\.visible).joined(separator: ", ")))"
    }
}

extension FailureGroup {
    private static let holderLines = 5

    /// What happened, on which instances, where, and what to do next.
    ///
    /// - Parameter word: what the table above calls the outcome; nil for the outcome of the failure.
    func lines(_ style: OutputStyle, word: String? = nil) -> [String] {
        var lines = [style.paint(word ?? failure.kind.rawValue, .bad) + ": " + instancesText]
        let indented = { (text: String) in lines += Self.wrapped(text, indent: 2, style) }
        // Several reasons are easier to read one below the other.
        let reasons = failure.headline.split(separator: "; ")
        if reasons.count > 2 { for reason in reasons { indented("- \(reason)") } } else { indented(failure.headline) }
        if failure.place != nil, let version = failure.version { indented("migration: \(version)") }
        if let seen { indented(seen) }
        lines += statementLines(style)
        if let detail = failure.detail { indented("detail: \(detail.visible)") }
        for holder in holderTexts { indented("locked by: \(holder)") }
        if let hint = failure.serverHint { indented("the server's hint: \(hint.visible)") }
        if let hint = failure.hint { indented("hint: \(hint.visible)") }
        return lines
    }

    private var instancesText: String {
        instances.count == 1 ? listed(instances) : "\(counted(instances.count, "instance")): \(listed(instances))"
    }

    /// `first seen: 2026-08-08 09:00:00Z, in waves canary, rest`; nil if it was found without a run.
    private var seen: String? {
        guard let firstSeen, !waves.isEmpty else { return nil }
        return "first seen: \(firstSeen.human), in \(waves.count == 1 ? "wave" : "waves") \(listed(waves))"
    }

    private func statementLines(_ style: OutputStyle) -> [String] {
        let margin = String(repeating: " ", count: 4)
        guard let excerpt = failure.excerpt(width: style.width.map { $0 - margin.count }, ellipsis: style.ellipsis) else { return [] }
        let mark = excerpt.caret.map { $0.line + 1 }
        return excerpt.marked().enumerated().map { margin + style.paint($1, $0 == mark ? .bad : .faint) }
    }

    var holderTexts: [String] {
        if instances.count == 1, failure.unnamedHolder == nil { return [] }
        let held = instances.filter { lockHolders[$0] != nil }
        let texts = held.prefix(Self.holderLines).compactMap { name in
            lockHolders[name].map { instances.count == 1 ? $0.text : "\(name.visible): \($0.text)" }
        }
        return held.count > Self.holderLines ? texts + ["\(held.count - Self.holderLines) more"] : texts
    }

    /// The text's words in lines that fit; what has no blank is left to the terminal.
    static func wrapped(_ text: String, indent: Int, _ style: OutputStyle) -> [String] {
        let margin = String(repeating: " ", count: indent)
        guard let width = style.width else { return [margin + text] }
        var lines: [String] = []
        var line = ""
        for word in text.split(separator: " ", omittingEmptySubsequences: false) {
            if !line.isEmpty, indent + line.displayWidth + 1 + word.displayWidth > width {
                lines.append(margin + line)
                line = "  " + word
            } else {
                line += line.isEmpty ? String(word) : " " + word
            }
        }
        return lines + [margin + line]
    }
}
