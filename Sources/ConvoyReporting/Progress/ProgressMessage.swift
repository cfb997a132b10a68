import ConvoyText
package import FoundationEssentials

/// A line of `--progress json` that is not an event of the run: a note, a warning or an error.
package struct ProgressMessage: Sendable, Hashable {
    /// How much it matters.
    package enum Level: String, Sendable, Hashable, CaseIterable {
        case note, warning, error
    }

    /// What it begins with on a stream for people decides it; a text without such a word is a note.
    package var level = Level.note
    /// Without the word for its level; lines are separated by line feeds.
    package var text: String

    /// Takes a text as it is written for people, for example `warning: …`; nil if it is blank.
    package init?(_ text: String) {
        var text = text[...]
        while text.last?.isNewline == true || text.last == " " { text.removeLast() }
        for level in Level.allCases where text.hasPrefix("\(level.rawValue): ") {
            self.level = level
            text = text.dropFirst(level.rawValue.count + 2)
        }
        guard !text.allSatisfy(\.isWhitespace) else { return nil }
        self.text = String(text)
    }

    /// One line, with its line feed. `type` is a word that no event has.
    package func line(at now: Date) -> String {
        let json: JSONValue = [
            "at": .string(now.rfc3339),
            "type": "message",
            "level": .string(level.rawValue),
            "text": .string(text),
        ]
        return json.line + "\n"
    }
}
