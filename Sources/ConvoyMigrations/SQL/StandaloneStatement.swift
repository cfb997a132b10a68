/// What the one statement of a `transaction:false` section is, as far as its words say: which locks it takes, and what an attempt that was cut off
/// leaves behind.
///
///     StandaloneStatement("CREATE INDEX CONCURRENTLY IF NOT EXISTS cars_vin ON cars (vin)").kind
///     // .createIndex(name: "cars_vin", table: "cars")
package struct StandaloneStatement: Sendable, Hashable {
    package enum Kind: Sendable, Hashable {
        /// `CREATE [UNIQUE] INDEX CONCURRENTLY`; the name is nil if PostgreSQL chooses one.
        case createIndex(name: SQLName?, table: SQLName)
        /// `DROP INDEX CONCURRENTLY`
        case dropIndex
        case reindex(ReindexTarget, name: SQLName?, isConcurrent: Bool)
        /// No tables are all tables.
        case vacuum(tables: [SQLName], isFull: Bool, skipsLocked: Bool)
        case analyze(tables: [SQLName], skipsLocked: Bool)
        /// `ALTER TABLE … DETACH PARTITION … CONCURRENTLY`
        case detachPartition
        case other
    }

    package enum ReindexTarget: String, Sendable, Hashable {
        case index = "INDEX"
        case table = "TABLE"
        case schema = "SCHEMA"
        case database = "DATABASE"
        case system = "SYSTEM"
    }

    package let kind: Kind

    /// Whether giving up on a lock would be worse than waiting for it: what keeps no reader and no writer waiting takes its time, and an index that is
    /// given up half-way is left invalid.
    package var waitsForLocks: Bool {
        switch kind {
        case .createIndex, .dropIndex, .analyze, .detachPartition: true
        case .reindex(_, _, let isConcurrent): isConcurrent
        case .vacuum(_, let isFull, _): !isFull
        case .other: false
        }
    }

    package init(_ text: String) {
        let source = SourceText(path: "", text: text)
        self.init(SQLLexer(source).filter(\.hasMeaning), in: source)
    }

    /// - Parameter tokens: those of the statement that carry meaning.
    init(_ tokens: [SQLToken], in source: SourceText) {
        var words = SQLWords(tokens, in: source)
        kind = Self.kind(&words)
    }

    private static func kind(_ words: inout SQLWords) -> Kind {
        if words.take("CREATE") {
            _ = words.take("UNIQUE")
            guard words.take("INDEX", "CONCURRENTLY") else { return .other }
            _ = words.take("IF", "NOT", "EXISTS")
            let name = words.take("ON") ? nil : words.takeName()
            guard name == nil || words.take("ON") else { return .other }
            _ = words.take("ONLY")
            return words.takeName().map { .createIndex(name: name, table: $0) } ?? .other
        }
        if words.take("DROP", "INDEX", "CONCURRENTLY") { return .dropIndex }
        if words.take("REINDEX") { return reindex(&words) }
        if words.take("VACUUM") { return vacuum(&words) }
        if words.take("ANALYZE") || words.take("ANALYSE") {
            let options = words.takeOptions()
            _ = words.take("VERBOSE")
            return .analyze(tables: words.takeNames(), skipsLocked: options.contains("SKIP_LOCKED"))
        }
        if words.take("ALTER", "TABLE"), words.ends(with: "CONCURRENTLY"), words.contains("DETACH", "PARTITION") { return .detachPartition }
        return .other
    }

    private static func reindex(_ words: inout SQLWords) -> Kind {
        var isConcurrent = words.takeOptions().contains("CONCURRENTLY")
        guard let target = ReindexTarget(rawValue: words.takeWord() ?? "") else { return .other }
        if words.take("CONCURRENTLY") { isConcurrent = true }
        return .reindex(target, name: words.takeName(), isConcurrent: isConcurrent)
    }

    private static func vacuum(_ words: inout SQLWords) -> Kind {
        let options = words.takeOptions()
        var isFull = options.contains("FULL")
        if words.take("FULL") { isFull = true }
        for word in ["FREEZE", "VERBOSE", "ANALYZE", "ANALYSE"] { _ = words.take(word) }
        return .vacuum(tables: words.takeNames(), isFull: isFull, skipsLocked: options.contains("SKIP_LOCKED"))
    }
}

/// A name as a statement gives it, with or without its schema.
package struct SQLName: Sendable, Hashable {
    package struct Part: Sendable, Hashable {
        /// As it stands in SQL: a word as it was written, anything else in double quotes.
        package let sql: String
        /// As the catalogue has it, but for a word with letters beyond ASCII, which some encodings fold too.
        package let value: String
    }

    package let parts: [Part]

    /// As SQL, which `to_regclass` takes.
    package var sql: String { parts.map(\.sql).joined(separator: ".") }
    /// Without its schema.
    package var last: Part { parts[parts.count - 1] }
    package var schema: String? { parts.count > 1 ? parts[parts.count - 2].value : nil }

    init?(_ parts: [Part]) {
        guard !parts.isEmpty else { return nil }
        self.parts = parts
    }
}

extension SQLToken {
    /// Neither blanks nor a comment.
    var hasMeaning: Bool { kind != .whitespace && kind != .lineComment && kind != .blockComment }
}
