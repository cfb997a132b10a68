/// What a failure keeps of a statement: its beginning, and the place that the server points to.
struct StatementCut: Sendable {
    let text: String
    /// In Unicode code points of ``text``, from 1; nil if the given position is outside the statement.
    let position: Int?

    /// How much is shown behind a place that still counts as seen.
    private static let margin = 60
    /// How many code points are kept on either side of a place that lies behind the beginning.
    private static let surroundings = 250
    private static let gap = "\n…\n"

    /// - Parameter position: as PostgreSQL counts, in code points from 1; the end of the statement is one too.
    init(_ statement: String, position: Int?) {
        let head = statement.prefix(Failure.statementLimit)
        let scalars = statement.unicodeScalars
        guard let position, position > 0,
            let place = scalars.index(scalars.startIndex, offsetBy: position - 1, limitedBy: scalars.endIndex)
        else {
            (text, self.position) = (String(head), nil)
            return
        }
        func index(_ offset: Int, limitedBy limit: String.Index) -> String.Index {
            scalars.index(place, offsetBy: offset, limitedBy: limit) ?? limit
        }
        guard index(Self.margin, limitedBy: scalars.endIndex) > head.endIndex else {
            (text, self.position) = (String(head), position)
            return
        }
        var end = index(Self.surroundings, limitedBy: scalars.endIndex)
        if end < scalars.endIndex, let line = scalars[place..<end].lastIndex(of: "\n") { end = line }
        var start = place > head.endIndex ? index(-Self.surroundings, limitedBy: head.endIndex) : head.endIndex
        guard start > head.endIndex else {
            (text, self.position) = (String(scalars[..<max(end, head.endIndex)]), position)
            return
        }
        if let line = scalars[start..<place].firstIndex(of: "\n") { start = scalars.index(after: line) }
        text = head + Self.gap + String(scalars[start..<end])
        let before = head.unicodeScalars.count + Self.gap.unicodeScalars.count
        self.position = before + scalars.distance(from: start, to: place) + 1
    }
}
