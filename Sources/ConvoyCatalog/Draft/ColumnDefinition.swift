/// What the fact of a column says.
struct ColumnDefinition: Hashable {
    enum Content: Hashable {
        case `default`(String)
        case stored(String)
        case virtual(String)
        /// An identity; the sequence has a fact of its own.
        case identity(isAlways: Bool)
    }

    var type: String
    var collation: String?
    var isNotNull: Bool
    var content: Content?

    /// Nil if the text is not of this form.
    init?(_ text: String) {
        let fact = FactText(text)
        guard fact.isWhole else { return nil }
        var end = fact.count
        if let range = fact.first("identity"), ["", "by default"].contains(fact.text(range.upperBound..<fact.count)) {
            content = .identity(isAlways: range.upperBound == fact.count)
            end = range.lowerBound
        } else {
            for (word, make) in [("default", Content.default), ("generated", Content.stored), ("virtual", Content.virtual)] {
                guard let range = fact.first(word), range.lowerBound < end else { continue }
                content = make(fact.text(range.upperBound..<fact.count))
                end = range.lowerBound
            }
        }
        isNotNull = end >= 2 && fact.text(end - 2..<end) == "not null"
        if isNotNull { end -= 2 }
        if let range = fact.first("collate"), range.lowerBound < end {
            collation = fact.text(range.upperBound..<end)
            end = range.lowerBound
        }
        type = fact.text(0..<end)
        guard FactText.isExpression(type), collation.map({ SQLName.isName($0, parts: 2) }) ?? true,
            expression.map(FactText.isExpression) ?? true
        else { return nil }
    }

    /// The expression of a default or a generated column.
    var expression: String? {
        switch content {
        case .default(let text)?, .stored(let text)?, .virtual(let text)?: text
        case .identity?, nil: nil
        }
    }

    var defaultExpression: String? { if case .default(let text)? = content { text } else { nil } }

    var isIdentity: Bool { if case .identity? = content { true } else { false } }

    var typeSQL: String { type + (collation.map { " COLLATE \($0)" } ?? "") }

    /// What stands behind the column's name where it is made.
    ///
    /// - Parameter sequence: the options of an identity's sequence.
    func sql(sequence: String?) -> String {
        var sql = typeSQL
        switch content {
        case .default(let text)?: sql += " DEFAULT \(text)"
        case .stored(let text)?: sql += " GENERATED ALWAYS AS (\(text)) STORED"
        case .virtual(let text)?: sql += " GENERATED ALWAYS AS (\(text)) VIRTUAL"
        case .identity(let isAlways)?:
            sql += " GENERATED \(isAlways ? "ALWAYS" : "BY DEFAULT") AS IDENTITY" + (sequence.map { " (\($0))" } ?? "")
        case nil: break
        }
        return isNotNull ? sql + " NOT NULL" : sql
    }
}
