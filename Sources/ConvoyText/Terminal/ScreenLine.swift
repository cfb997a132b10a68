/// A line of a screen that is drawn as a whole: pieces of text, each with its emphasis. Nothing in it is obeyed by a terminal.
package struct ScreenLine: Sendable, Hashable {
    private struct Span: Sendable, Hashable {
        var text: String
        var emphasis: Emphasis
    }

    private var spans: [Span] = []
    /// Whether the line is the one that keys act on. A screen without colours shows it by what the line begins with.
    package var isSelected = false

    /// How much of a text is looked at, in bytes: more than the widest terminal shows.
    private static let byteLimit = 8192
    /// How many scalars of a character are kept: one may have a million marks above it.
    private static let scalarLimit = 8

    /// A line of one text.
    package init(_ text: String = "", _ emphasis: Emphasis = .none) {
        append(text, emphasis)
    }

    /// Adds a text at the end.
    package mutating func append(_ text: String, _ emphasis: Emphasis = .none) {
        if !text.isEmpty { spans.append(Span(text: text.prefix(bytes: Self.byteLimit).visible, emphasis: emphasis)) }
    }

    /// Adds a text that takes exactly that many columns: cut, or filled up with blanks.
    ///
    /// - Parameter isRight: whether the blanks come first.
    package mutating func append(_ text: String, _ emphasis: Emphasis = .none, width: Int, isRight: Bool = false, _ style: OutputStyle) {
        let text = Self.plain(text.prefix(bytes: Self.byteLimit).visible).shortened(to: max(0, width), marker: style.ellipsis)
        let blanks = String(repeating: " ", count: max(0, width - text.displayWidth))
        if isRight { append(blanks) }
        append(text, emphasis)
        if !isRight { append(blanks) }
    }

    /// The text without emphasis.
    package var text: String { spans.reduce("") { $0 + $1.text } }

    /// What to write for it, in at most as many columns as the style has.
    package func rendered(_ style: OutputStyle) -> String {
        let width = style.width ?? .max
        var (line, used) = ("", 0)
        let isCut = spans.reduce(0) { $0 + $1.text.displayWidth } > width
        let room = isCut ? max(0, width - style.ellipsis.displayWidth) : width
        for span in spans {
            let text = Self.plain(span.text).cut(to: room - used, marker: "")
            used += text.displayWidth
            line += isSelected ? text : style.paint(text, span.emphasis)
            if isCut, used >= room { break }
        }
        if isCut {
            line += style.ellipsis.prefix(max(0, width - used))
            used += min(style.ellipsis.displayWidth, max(0, width - used))
        }
        guard isSelected, style.usesColor else { return line }
        // The bar reaches to the edge.
        return "\u{1B}[7m" + line + String(repeating: " ", count: style.width.map { max(0, $0 - used) } ?? 0) + "\u{1B}[0m"
    }

    /// The text with at most a few scalars for each character.
    private static func plain(_ text: String) -> String {
        if text.utf8.allSatisfy({ $0 < 0x80 }) { return text }
        return text.reduce(into: "") { result, character in
            if character.unicodeScalars.count <= scalarLimit {
                result.append(character)
            } else {
                result.unicodeScalars.append(contentsOf: character.unicodeScalars.prefix(scalarLimit))
            }
        }
    }
}
