/// What a terminal shows, line by line, so that only the lines that have changed are written again.
///
///     write(screen.changes(to: lines, style))
package struct ScreenLines: Sendable {
    /// What each line shows; nil before the first drawing.
    private var shown: [String]?
    private var width: Int?

    package init() {}

    /// What to write to show these lines instead; empty if the terminal shows them already.
    ///
    /// - Parameters:
    ///   - lines: those that do not fit are left out.
    ///   - style: has the size of the terminal. After a change of it everything is drawn again, because terminals move what they show.
    package mutating func changes(to lines: [ScreenLine], _ style: OutputStyle) -> String {
        let height = style.height ?? lines.count
        let isNew = shown?.count != height || width != style.width
        let old = isNew ? Array(repeating: "", count: height) : shown ?? []
        var new = lines.prefix(height).map { $0.rendered(style) }
        new += Array(repeating: "", count: height - new.count)
        (shown, width) = (new, style.width)

        var text = isNew ? "\u{1B}[0m\u{1B}[2J" : ""
        for (row, line) in new.enumerated() where line != old[row] {
            // Erased first: at the right edge the cursor stays on the last character.
            text += "\u{1B}[\(row + 1);1H\u{1B}[2K" + line
        }
        return text
    }

    /// The terminal shows something else by now: everything is drawn again.
    package mutating func forget() { shown = nil }
}
