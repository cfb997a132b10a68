/// What Convoy knows about an SQLSTATE: the same that it writes as a hint when a server reports it.
package struct SQLStateMeaning: Sendable, Hashable {
    /// The SQLSTATE.
    package var sqlstate: String
    /// One line without a full stop.
    package var meaning: String
    /// What to do next.
    package var advice: String
    /// When this is what it means; nil if it always is.
    package var condition: String?

    /// All meanings, in the order in which Convoy tries them.
    package static let all: [SQLStateMeaning] = SQLStateHint.table.flatMap { hint in
        hint.sqlstates.map { SQLStateMeaning(sqlstate: $0, meaning: hint.meaning, advice: hint.advice, condition: hint.when) }
    }
}

extension SQLStateHint {
    /// When the hint fits, in words; nil if it fits always.
    fileprivate var when: String? {
        let occasion: String? =
            switch self.occasion {
            case .anytime: nil
            case .connecting: "while connecting"
            case .migrating: "in a migration"
            }
        let condition: String? =
            switch self.condition {
            case .none: nil
            case .statement(let word): "in a statement with the word \(word)"
            case .detailedStatement(let word): "in a statement with the word \(word), where the server gives details"
            case .message(let text): "where the message contains “\(text)”"
            }
        let parts = [occasion, condition].compactMap(\.self)
        return parts.isEmpty ? nil : parts.joined(separator: ", ")
    }
}
