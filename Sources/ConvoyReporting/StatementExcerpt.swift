internal import ConvoyMigrations
import ConvoyRollout
package import ConvoyRun
import ConvoyText

/// The part of a failure's statement that matters, as lines that hold nothing a terminal would obey.
package struct StatementExcerpt: Sendable, Hashable {
    /// Where the server points.
    package struct Caret: Sendable, Hashable {
        /// The index of the line.
        package var line: Int
        /// How many columns of a terminal stand before it on the line.
        package var column: Int
    }

    package private(set) var lines: [String] = []
    /// Nil if the server gave no position.
    package private(set) var caret: Caret?

    /// Maximum number of lines to show, not counting lines that stand for omitted text.
    private static let lineLimit = 6
    /// How many of them may come after the one that the server points into.
    private static let linesAfterCaret = 2

    /// - Parameters:
    ///   - position: in Unicode code points from 1; the statement's end is one too.
    ///   - width: in columns; nil if lines may have any length. A longer line is cut around the caret, the others at their ends.
    ///   - ellipsis: what stands for what is cut.
    init(_ statement: String, position: Int?, width: Int?, ellipsis: String) {
        var (shown, place) = Self.lines(of: statement, position)
        var lower = 0
        if let place { lower = max(0, min(place.line + Self.linesAfterCaret + 1, shown.count) - Self.lineLimit) }
        let upper = min(shown.count, lower + Self.lineLimit)
        let isCut = (start: lower > 0, end: upper < shown.count)
        shown = Array(shown[lower..<upper])
        place?.line -= lower
        if let width {
            let room = max(1, width)
            for index in shown.indices {
                if let column = place?.column, index == place?.line {
                    let cut = Self.cut(shown[index], to: room, around: column, ellipsis)
                    shown[index] = cut.line
                    place?.column = cut.column
                } else {
                    shown[index] = shown[index].cut(to: room, marker: ellipsis)
                }
            }
        }
        if isCut.start {
            shown.insert(ellipsis, at: 0)
            place?.line += 1
        }
        if isCut.end { shown.append(ellipsis) }
        (lines, caret) = (shown, place)
    }

    /// The lines, with a line of its own below the one that the server points into that has the mark there.
    package func marked(with mark: String = "^") -> [String] {
        guard let caret else { return lines }
        var marked = lines
        marked.insert(String(repeating: " ", count: caret.column) + mark, at: caret.line + 1)
        return marked
    }

    /// The lines that are not blank, as they are shown.
    private static func lines(of statement: String, _ position: Int?) -> (lines: [String], caret: Caret?) {
        var lines: [String] = []
        var caret: Caret?
        var line = ""
        var column: Int?
        // Code points before the place; none is left at the place itself.
        var left = position.flatMap { $0 > 0 ? $0 - 1 : nil }
        func endLine() {
            if column != nil || line.contains(where: { $0 != " " }) {
                if let column { caret = Caret(line: lines.count, column: column) }
                lines.append(line)
            }
            (line, column) = ("", nil)
        }
        for character in statement {
            if let before = left, before >= 0, caret == nil, column == nil, before < character.unicodeScalars.count {
                column = line.displayWidth
            }
            left? -= character.unicodeScalars.count
            if character.isNewline {
                endLine()
            } else {
                // The visible form of a tab would read worse than the space it stands for.
                line += character == "\t" ? "    " : String(character).visible
            }
        }
        if left == 0, caret == nil { column = line.displayWidth }
        endLine()
        return (lines, caret)
    }

    /// The part of a line around a column, with what stands for the rest.
    private static func cut(_ line: String, to width: Int, around column: Int, _ ellipsis: String) -> (line: String, column: Int) {
        let whole = line.displayWidth
        // A caret at the end of a line needs a column of its own.
        guard max(whole, column + 1) > width else { return (line, column) }
        let mark = ellipsis.displayWidth
        guard width > 2 * mark + 2 else { return (String(line.dropColumns(column).cut(to: width, marker: "")), 0) }
        // What comes before explains more than what comes after.
        let start = min(column - min(column, width * 2 / 3), max(0, max(whole, column + 1) - width))
        guard start > 0 else { return (line.cut(to: width, marker: ellipsis), column) }
        let tail = line.dropColumns(start + mark)
        let dropped = whole - tail.displayWidth
        return ((ellipsis + tail).cut(to: width, marker: ellipsis), column - dropped + mark)
    }
}

extension String {
    /// The text without what stands in the first columns; a character that reaches beyond them goes too.
    fileprivate func dropColumns(_ columns: Int) -> String {
        var used = 0
        return String(
            drop { character in
                guard used < columns else { return false }
                used += character.displayWidth
                return true
            }
        )
    }
}

extension Failure {
    /// The statement around the place that the server points to; nil if there is no statement.
    ///
    ///     for line in failure.excerpt(width: 80)?.marked() ?? [] { … }
    ///
    /// - Parameters:
    ///   - width: in columns; nil if lines may have any length.
    ///   - ellipsis: what stands for what is cut.
    package func excerpt(width: Int? = nil, ellipsis: String = "…") -> StatementExcerpt? {
        statement.map { StatementExcerpt($0, position: position, width: width, ellipsis: ellipsis) }
    }
}
