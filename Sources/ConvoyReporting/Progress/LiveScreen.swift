import ConvoyText

/// A view that is drawn over and over at the end of a terminal's text, as what has to be written for it.
///
/// Between two drawings the cursor rests on an empty line above the view. Terminals keep the cursor in its place in the text when they are
/// resized, so that everything from there on can be erased without knowing how they wrapped it. Other output, such as the echo of typed
/// keys, goes to the empty line and not into the view.
struct LiveScreen: Sendable {
    private var isDrawn = false
    private var size: Size?

    private struct Size: Sendable, Hashable {
        var width: Int?
        var height: Int?
    }

    /// Takes the view off, wherever the cursor rests; the program's last words may follow.
    ///
    /// From the line below on: tmux keeps what is erased from a screen's very first place on, among the lines that have scrolled away.
    static let erasure = "\r\u{1B}[K\n\u{1B}[J\u{1B}[A"

    /// What to write for new lines above the view, and for the view as it is now.
    ///
    /// - Parameters:
    ///   - lines: to be written once.
    ///   - view: lines that fit the terminal; empty takes the view off.
    mutating func text(_ lines: [String], view: [String], _ style: OutputStyle) -> String {
        let size = Size(width: style.width, height: style.height)
        let view = style.height.map { $0 < 3 ? [] : view } ?? view
        defer { (isDrawn, self.size) = (!view.isEmpty, size) }
        // Drawing over what is there flickers less than erasing it first, but needs every line to be where it was.
        let staysInPlace = isDrawn && size == self.size && lines.isEmpty && !view.isEmpty
        var text = isDrawn ? (staysInPlace ? "\r\u{1B}[K" : Self.erasure) : ""
        for line in lines { text += line + "\n" }
        guard !view.isEmpty else { return text }
        // Without automatic wrapping a character that takes another width than was thought cannot make a line two.
        text += "\u{1B}[?7l"
        for line in view { text += "\n\u{1B}[K" + line }
        text += "\u{1B}[J\u{1B}[?7h\r\u{1B}[\(view.count)A"
        return text
    }
}
