/// What the place that text goes to can show.
package struct OutputStyle: Sendable, Hashable {
    /// In columns; nil if lines may have any length, as in a file.
    package var width: Int?
    /// In lines; nil means no limit.
    package var height: Int?
    /// Whether emphasis may be shown by colour. It is never shown by colour alone.
    package var usesColor: Bool
    /// Whether characters beyond ASCII may be used for bars and arrows.
    package var usesUnicode: Bool

    /// Without arguments: a file in UTF-8.
    package init(width: Int? = nil, height: Int? = nil, usesColor: Bool = false, usesUnicode: Bool = true) {
        self.width = width
        self.height = height
        self.usesColor = usesColor
        self.usesUnicode = usesUnicode
    }

    package var ellipsis: String { usesUnicode ? "…" : "..." }
    package var arrow: String { usesUnicode ? "→" : "->" }

    /// The text in the colour of its emphasis, or as it is.
    package func paint(_ text: String, _ emphasis: Emphasis) -> String {
        guard usesColor, let code = emphasis.code, !text.isEmpty else { return text }
        return "\u{1B}[\(code)m\(text)\u{1B}[0m"
    }
}

/// Why a text stands out.
package enum Emphasis: Sendable, Hashable {
    case none, heading, good, notable, bad, faint

    /// The parameter of the terminal's SGR sequence.
    fileprivate var code: String? {
        switch self {
        case .none: nil
        case .heading: "1"
        case .good: "32"
        case .notable: "33"
        case .bad: "31"
        case .faint: "2"
        }
    }
}
