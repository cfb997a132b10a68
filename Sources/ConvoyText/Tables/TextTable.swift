/// Aligned columns that fit the width: long texts lose their middle first, then the least important columns go.
package struct TextTable: Sendable {
    package struct Column: Sendable {
        package enum Alignment: Sendable {
            case left, right
        }

        var title: String
        var alignment: Alignment
        /// How narrow the column may get; nil keeps its texts whole.
        var minimumWidth: Int?
        /// Where even the narrowest columns do not fit, the lowest goes first; the highest always stays.
        var importance: Int

        package init(_ title: String, _ alignment: Alignment = .left, minimumWidth: Int? = nil, importance: Int = 0) {
            self.title = title
            self.alignment = alignment
            self.minimumWidth = minimumWidth
            self.importance = importance
        }
    }

    package struct Cell: Sendable, ExpressibleByStringInterpolation {
        let text: String
        let emphasis: Emphasis

        package init(_ text: String, _ emphasis: Emphasis = .none) {
            self.text = text.visible
            self.emphasis = emphasis
        }

        package init(stringLiteral text: String) {
            self.init(text)
        }
    }

    private let columns: [Column]
    private var rows: [[Cell]] = []

    package init(_ columns: [Column]) {
        self.columns = columns
    }

    /// Adds a row with one cell a column.
    package mutating func add(_ row: [Cell]) {
        precondition(row.count == columns.count)
        rows.append(row)
    }

    private static let gap = 2

    /// The title line, then one line a row.
    package func lines(_ style: OutputStyle) -> [String] {
        let layout = layout(style.width)
        let titles = columns.map { Cell($0.title, .heading) }
        return ([titles] + rows).map { line($0, layout, style) }
    }

    /// The columns that are shown, by index, and how wide each is.
    private func layout(_ limit: Int?) -> [(index: Int, width: Int)] {
        var shown = columns.indices.map { index in
            (index: index, width: rows.reduce(columns[index].title.displayWidth) { max($0, $1[index].text.displayWidth) })
        }
        guard let limit else { return shown }
        while true {
            let fitted = fit(shown, limit)
            let total = fitted.reduce(0) { $0 + $1.width } + Self.gap * (fitted.count - 1)
            if total <= limit { return fitted }
            guard shown.count > 1,
                let least = shown.indices.min(by: { columns[shown[$0].index].importance < columns[shown[$1].index].importance })
            else { return fitted.map { ($0.index, max(1, limit)) } }
            shown.remove(at: least)
        }
    }

    /// Takes columns from the widest that may still shrink, until they fit or none may.
    private func fit(_ shown: [(index: Int, width: Int)], _ limit: Int) -> [(index: Int, width: Int)] {
        var fitted = shown.map { (index: $0.index, width: columns[$0.index].minimumWidth == nil ? $0.width : min($0.width, limit)) }
        var excess = fitted.reduce(0) { $0 + $1.width } + Self.gap * (fitted.count - 1) - limit
        while excess > 0 {
            let candidates = fitted.indices.filter { fitted[$0].width > columns[fitted[$0].index].minimumWidth ?? .max }
            guard let widest = candidates.max(by: { fitted[$0].width < fitted[$1].width }) else { break }
            fitted[widest].width -= 1
            excess -= 1
        }
        return fitted
    }

    private func line(_ row: [Cell], _ layout: [(index: Int, width: Int)], _ style: OutputStyle) -> String {
        var line = ""
        var padding = 0
        for (index, width) in layout {
            let text = row[index].text.shortened(to: width, marker: style.ellipsis)
            let space = width - text.displayWidth
            if columns[index].alignment == .right { padding += space }
            // Blanks are written only in front of something.
            if !text.isEmpty {
                line += String(repeating: " ", count: padding) + style.paint(text, row[index].emphasis)
                padding = 0
            }
            padding += Self.gap + (columns[index].alignment == .left ? space : 0)
        }
        return line
    }
}
