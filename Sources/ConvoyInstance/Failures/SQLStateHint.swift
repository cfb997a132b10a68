import ConvoyPostgres

/// What an SQLSTATE means on a TeslaMate database, and what to do next.
struct SQLStateHint: Sendable {
    /// When the server said it.
    enum Occasion: Sendable {
        case anytime
        /// While a session was asked for.
        case connecting
        /// While a statement of a migration ran.
        case migrating
    }

    /// An additional condition on the error, where one SQLSTATE has several meanings.
    enum Condition: Sendable {
        case none
        /// The statement has this word.
        case statement(String)
        /// The statement has this word, and the server gave details.
        case detailedStatement(String)
        /// The message has this text. It does only where the server speaks English.
        case message(String)
    }

    let sqlstates: [String]
    let occasion: Occasion
    let condition: Condition
    let meaning: String
    let advice: String

    init(
        _ sqlstates: String...,
        on occasion: Occasion = .migrating,
        if condition: Condition = .none,
        means meaning: String,
        advice: String
    ) {
        (self.sqlstates, self.occasion, self.condition, self.meaning, self.advice) = (sqlstates, occasion, condition, meaning, advice)
    }

    var text: String { "\(meaning): \(advice)" }

    /// Our own hint. The server's is kept apart: a tenant's function can write what it likes there.
    static func text(for message: ServerMessage, statement: String? = nil, on occasion: Occasion) -> String? {
        table.first { $0.fits(message, statement, occasion) }?.text
    }

    private func fits(_ message: ServerMessage, _ statement: String?, _ occasion: Occasion) -> Bool {
        guard sqlstates.contains(message.sqlstate), self.occasion == .anytime || self.occasion == occasion else { return false }
        switch condition {
        case .none: return true
        case .statement(let word): return statement.map { Self.has(word, $0) } == true
        case .detailedStatement(let word): return message.detail != nil && statement.map { Self.has(word, $0) } == true
        case .message(let text): return message.message.contains(text)
        }
    }

    private static func has(_ word: String, _ statement: String) -> Bool {
        statement.split { !$0.isLetter }.contains { $0.uppercased() == word }
    }
}
