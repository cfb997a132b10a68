import ConvoyMigrations
import ConvoyText

/// The statements that turn one catalogue into another one, as far as facts tell: a draft, because rows are not among the facts.
///
/// The facts come from a database that another person owns. Every statement is checked to be exactly one statement of SQL; what is not, and what
/// facts do not tell, becomes a remark.
package struct SchemaDraft: Sendable, Hashable {
    package enum Line: Sendable, Hashable {
        /// One statement, without a semicolon.
        case statement(String)
        /// What is only likely, and what the author has to decide for the rows.
        case advice(String)
        /// The columns of a table will be in another order.
        case columnOrder(String)
        /// What differs and is not in the statements.
        case unknown(String)
    }

    /// What the statements are for.
    package enum Purpose: Sendable, Hashable {
        /// A migration: an object that is there already has to stop it.
        case migration
        /// A new database, in which an administrator may have made the extensions.
        case checkpoint
    }

    /// In the order in which they have to run.
    package let lines: [Line]

    /// - Parameters:
    ///   - definitions: statements that make objects of the second catalogue again whose facts are not enough for it: views, rules, long functions.
    package init(from: Catalog, to: Catalog, definitions: [CatalogFact: String] = [:], for purpose: Purpose = .migration) {
        var writer = DraftWriter(from: from, to: to, definitions: definitions, purpose: purpose)
        lines = writer.write()
    }

    package var statements: [String] { lines.compactMap { if case .statement(let sql) = $0 { sql } else { nil } } }

    /// What differs and is not in the statements.
    package var gaps: [String] {
        lines.compactMap {
            switch $0 {
            case .unknown(let text): text
            case .columnOrder(let table): Self.order(table)
            case .statement, .advice: nil
            }
        }
    }

    /// The statements, and the rest as comments.
    package var text: String {
        lines.map { line in
            switch line {
            case .statement(let sql): sql + ";\n"
            case .advice(let text): Self.comment("Check: ", text)
            case .columnOrder(let table): Self.comment("Not written: ", Self.order(table))
            case .unknown(let text): Self.comment("Not written: ", text)
            }
        }.joined()
    }

    private static func order(_ table: String) -> String { "the columns of \(table) cannot be put into their order without losing values" }

    /// On one line, whatever a name contains.
    private static func comment(_ word: String, _ text: String) -> String { "-- \(word)\(text.visible)\n" }

    /// Whether a text is exactly one statement that shows all that it does: no line of it divides a migration file, and a terminal obeys no character.
    package static func isStatement(_ sql: String) -> Bool {
        let source = SourceText(path: "", text: sql)
        var splitter = SQLSplitter(source)
        var count = 0
        while let piece = splitter.next() {
            guard case .statement(let statement) = piece, statement.range == 0..<source.bytes.count else { return false }
            count += 1
        }
        let lines = sql.unicodeScalars.split { $0 == "\n" || $0 == "\r" }
        let isDivided = lines.contains { line in
            let words = String(line.drop { $0 == "-" }.drop(while: \.properties.isWhitespace)).lowercased()
            return line.starts(with: "--".unicodeScalars) && (words.hasPrefix("migrate:") || words.hasPrefix("convoy:"))
        }
        let isVisible = sql.unicodeScalars.allSatisfy { $0 == "\n" || $0 == "\t" || $0 == "\r" || !$0.isObeyedByTerminals }
        return count == 1 && splitter.problems.isEmpty && !isDivided && isVisible
    }
}
