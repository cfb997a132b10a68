/// What a migration's statement must not do, because the protocol that runs it could not keep its promises.
struct StatementRule: Sendable {
    /// Why a statement is refused, and what to write instead.
    struct Refusal: Sendable, Hashable {
        let message: String
        let hint: String
        /// Rows of data may follow the statement in the text.
        var precedesCopyData = false
    }

    private let source: SourceText
    private let tokens: [SQLToken]
    /// The words at the statement's start, in capitals; an empty one stands for any other token.
    private let words: [String]

    init(_ statement: SQLSplitter.Statement, in source: SourceText) {
        self.init(statement.tokens, in: source)
    }

    private init(_ tokens: [SQLToken], in source: SourceText) {
        self.source = source
        self.tokens = tokens
        words = tokens.prefix(6).map { $0.kind == .word ? source.text($0.range).uppercased() : "" }
    }

    /// How a section runs its statements.
    enum Surroundings: Sendable {
        case transaction
        /// `transaction:false`, and whether the section says that its statement may run again.
        case alone(isRepeatable: Bool)
    }

    /// Why the statement is refused; nil if it is not.
    func refusal(_ surroundings: Surroundings) -> Refusal? {
        if let refusal = transactionControl ?? sessionSetting ?? sessionObject ?? copyThroughClient ?? callForSession ?? wholeServer {
            return refusal
        }
        if word(0) == "DO", let refusal = inDoBlock { return refusal }
        return switch surroundings {
        case .transaction: outsideTransaction
        case .alone(let isRepeatable): unrepeatable ?? (isRepeatable ? nil : needlesslyAlone)
        }
    }

    /// Why the statement cannot be a preflight check; nil if it is a query that only reads.
    ///
    /// The server has the last word, in a read-only transaction; this reports mistakes before any server is asked.
    var refusalAsQuery: Refusal? {
        guard ["SELECT", "WITH", "VALUES"].contains(word(0)) || tokens.first?.kind == .openParenthesis else {
            return Refusal(
                message: "a preflight check must be a query, and this statement is not one",
                hint: "write SELECT, WITH or VALUES: the first column of each row is a reason why the migration would fail"
            )
        }
        var depth = 0
        for (index, token) in tokens.enumerated() {
            switch token.kind {
            case .openParenthesis: depth += 1
            case .closeParenthesis: depth -= 1
            case .word:
                // What WITH names begins behind AS ( or MATERIALIZED (.
                let isStatement =
                    depth == 0
                    || index > 1 && tokens[index - 1].kind == .openParenthesis
                        && (source.isWord(tokens[index - 2], "AS") || source.isWord(tokens[index - 2], "MATERIALIZED"))
                guard isStatement, let verb = ["INSERT", "UPDATE", "DELETE", "MERGE", "INTO"].first(where: { source.isWord(token, $0) })
                else { continue }
                return Refusal(
                    message: "\(verb) is not allowed in a preflight check, which only reads",
                    hint: "remove it; write a column of that name in double quotes"
                )
            default: break
            }
        }
        return nil
    }

    private func word(_ index: Int) -> String {
        index < words.count ? words[index] : ""
    }

    private var transactionControl: Refusal? {
        let command: String
        switch (word(0), word(1)) {
        case ("START", "TRANSACTION"), ("PREPARE", "TRANSACTION"), ("COMMIT", "PREPARED"), ("ROLLBACK", "PREPARED"):
            command = "\(word(0)) \(word(1))"
        case ("BEGIN", _), ("COMMIT", _), ("END", _), ("ROLLBACK", _), ("ABORT", _), ("SAVEPOINT", _), ("RELEASE", _):
            command = word(0)
        default:
            return nil
        }
        return Refusal(
            message: "\(command) controls the transaction, and only Convoy may do that",
            hint: "remove it: the whole section runs in one transaction; "
                + "put a statement that cannot run in one into a file of its own with transaction:false"
        )
    }

    private var sessionSetting: Refusal? {
        switch (word(0), word(1)) {
        case ("SET", "CONSTRAINTS"):
            return nil
        case ("SET", "LOCAL"):
            return protectedSetting
        case ("SET", "TRANSACTION"):
            return Refusal(
                message: "SET TRANSACTION changes the transaction, and only Convoy may do that",
                hint: "remove it: migrations run READ COMMITTED, READ WRITE"
            )
        case ("SET", "ROLE"),
            ("SET", "SESSION") where word(1) == "ROLE" || word(2) == "AUTHORIZATION":
            return Refusal(
                message:
                    "\(word(1) == "ROLE" ? "SET ROLE" : "SET SESSION AUTHORIZATION") changes the role that owns what later statements create",
                hint: "remove it: migrations run as the owner of the ledger; ALTER … OWNER TO changes the owner of one object"
            )
        case ("SET", _), ("RESET", _), ("DISCARD", _):
            return Refusal(
                message: "\(word(0)) outlives the migration: it changes the session, which other migrations share",
                hint: word(0) == "SET"
                    ? "write SET LOCAL, which ends with the transaction" : "remove it; a change by SET LOCAL ends with the transaction"
            )
        default:
            return nil
        }
    }

    /// What belongs to the session, which other migrations share, and Convoy's own statements and locks with them.
    private var sessionObject: Refusal? {
        let command: String
        switch (word(0), word(1)) {
        case ("PREPARE", _), ("EXECUTE", _), ("DEALLOCATE", _):
            return Refusal(
                message: "\(word(0)) changes the prepared statements of the session, and Convoy keeps its own there",
                hint: "remove it, and write the statements directly"
            )
        case ("LISTEN", _), ("UNLISTEN", _): command = word(0)
        case ("CLOSE", "ALL"): command = "CLOSE ALL"
        case ("DECLARE", _) where has("WITH", "HOLD"): command = "DECLARE … WITH HOLD"
        case ("UPDATE", _) where tokens.prefix(4).contains(where: { source.isWord($0, "PG_SETTINGS") }): command = "UPDATE pg_settings"
        default: return nil
        }
        return Refusal(
            message: "\(command) outlives the migration: it changes the session, which other migrations share",
            hint: "remove it"
        )
    }

    /// What a `DO` block runs at once: its statements are seen where they are written out, not where the block makes them up.
    private var inDoBlock: Refusal? {
        for token in tokens where token.kind == .dollarString || token.kind == .string {
            let text = source.text(token.range)
            let body = SourceText(
                path: source.path,
                text: text.first == "$" ? Self.body(ofDollarString: text) : String(text.dropFirst().dropLast())
            )
            var statement: [SQLToken] = []
            for part in SQLLexer(body).filter(\.hasMeaning) {
                let begins = part.kind == .semicolon || ["BEGIN", "THEN", "ELSE", "LOOP"].contains { body.isWord(part, $0) }
                if !begins { statement.append(part) }
                guard begins else { continue }
                if let refusal = StatementRule(statement, in: body).refusalInBlock { return refusal }
                statement = []
            }
            if let refusal = StatementRule(statement, in: body).refusalInBlock { return refusal }
        }
        return nil
    }

    private static func body(ofDollarString text: String) -> String {
        let tag = text.dropFirst().prefix { $0 != "$" }.count + 2
        return String(text.dropFirst(tag).dropLast(tag))
    }

    /// There EXECUTE and CLOSE are PL/pgSQL's own.
    private var refusalInBlock: Refusal? {
        switch (word(0), tokens.count > 1 ? tokens[1].kind : .semicolon) {
        // A variable may be called so.
        case ("SET", .word), ("SET", .quotedIdentifier), ("RESET", .word), ("RESET", .quotedIdentifier): sessionSetting ?? callForSession
        case ("DISCARD", _), ("DEALLOCATE", _), ("LISTEN", _), ("UNLISTEN", _): sessionSetting ?? sessionObject
        default: callForSession
        }
    }

    /// A SET LOCAL of what the rest of the migration's transaction relies on.
    private var protectedSetting: Refusal? {
        guard tokens.count > 2 else { return nil }
        // A setting's name may be quoted.
        return Self.protected(source.text(tokens[2].range).filter { $0 != "\"" }.lowercased()) { "SET LOCAL \($0)" }
    }

    private static func protected(_ setting: String, _ command: (String) -> String) -> Refusal? {
        switch setting {
        case "role", "session", "session_authorization":
            return Refusal(
                message: "\(command(setting)) changes the role that writes the ledger and the audit log",
                hint: "remove it: migrations run as the owner of the ledger; ALTER … OWNER TO changes the owner of one object"
            )
        case "transaction", "transaction_read_only":
            return Refusal(
                message: "\(command(setting)) changes the transaction, and only Convoy may do that",
                hint: "remove it: migrations run READ COMMITTED, READ WRITE"
            )
        case "standard_conforming_strings", "client_encoding", "names":
            return Refusal(
                message: "\(command(setting)) changes how the statements after it are read",
                hint: "remove it: files are UTF-8, and a backslash in '…' is an ordinary character; write E'…' for escapes"
            )
        default:
            return nil
        }
    }

    private var copyThroughClient: Refusal? {
        guard word(0) == "COPY" else { return nil }
        var depth = 0
        for (token, next) in zip(tokens, tokens.dropFirst()) {
            switch token.kind {
            case .openParenthesis: depth += 1
            case .closeParenthesis: depth -= 1
            case .word where depth == 0 && (source.isWord(next, "STDIN") || source.isWord(next, "STDOUT")):
                if source.isWord(token, "FROM") {
                    return Refusal(
                        message: "COPY … FROM STDIN needs data from the client, which a migration does not have",
                        hint: "write the rows as INSERT statements",
                        precedesCopyData: true
                    )
                }
                if source.isWord(token, "TO") {
                    return Refusal(
                        message: "COPY … TO STDOUT sends data to the client, which a migration cannot receive",
                        hint: "remove it"
                    )
                }
            default: break
            }
        }
        return nil
    }

    /// Calls that reach beyond the migration's transaction: `set_config(…, false)`, and locks that belong to the session, as the instance's own does.
    /// What a CREATE statement defines does not run now.
    private var callForSession: Refusal? {
        guard word(0) != "CREATE" else { return nil }
        var calls: [(name: SQLToken, first: SQLToken?)?] = []
        for (index, token) in tokens.enumerated() where index > 0 {
            let before = tokens[index - 1]
            if token.kind == .openParenthesis {
                calls.append((before, index + 1 < tokens.count ? tokens[index + 1] : nil))
                guard before.kind == .word, let lock = Self.sessionLocks.first(where: { source.isWord(before, $0) }) else { continue }
                let name = lock.lowercased()
                return Refusal(
                    message: name == "pg_advisory_unlock_all"
                        ? "pg_advisory_unlock_all() also releases the lock that keeps other coordinators away from this instance"
                        : "\(name)() works on locks of the session, which other migrations share; the lock that keeps other coordinators "
                            + "away from this instance is one of them",
                    hint: "use transaction-level locks (pg_advisory_xact_lock), which end with the transaction"
                )
            }
            guard token.kind == .closeParenthesis, let (call, first) = calls.popLast() ?? nil else { continue }
            if source.isWord(call, "SET_CONFIG"), let first, first.kind == .string {
                let setting = source.text(first.range).dropFirst().dropLast().lowercased()
                if let refusal = Self.protected(setting, { "set_config('\($0)', …)" }) { return refusal }
            }
            if source.isWord(call, "SET_CONFIG"), source.isWord(before, "FALSE") {
                return Refusal(
                    message: "set_config(…, false) outlives the migration: it changes the session, which other migrations share",
                    hint: "write true as the last argument, or SET LOCAL"
                )
            }
        }
        return nil
    }

    private static let sessionLocks = [
        "PG_ADVISORY_UNLOCK_ALL", "PG_ADVISORY_UNLOCK", "PG_ADVISORY_UNLOCK_SHARED", "PG_ADVISORY_LOCK", "PG_ADVISORY_LOCK_SHARED",
        "PG_TRY_ADVISORY_LOCK", "PG_TRY_ADVISORY_LOCK_SHARED",
    ]

    /// Statements that do not concern a database, and fail when they are run again.
    private var wholeServer: Refusal? {
        guard ["CREATE", "DROP"].contains(word(0)), ["DATABASE", "TABLESPACE"].contains(word(1)) else { return nil }
        return Refusal(
            message:
                "\(word(0)) \(word(1)) affects the whole server, not only this database, and fails on the next instance there",
            hint: "remove it, and run it once on each server without Convoy"
        )
    }

    /// What could run in a transaction would run twice where Convoy is cut off between the statement and its row in the ledger.
    private var needlesslyAlone: Refusal? {
        guard commandOutsideTransaction == nil else { return nil }
        let mayCommit = word(0) == "CALL" || word(0) == "DO"
        return Refusal(
            message: mayCommit
                ? "\(word(0)) without a transaction runs again, and does all of its work twice, if Convoy is cut off before the ledger has the version"
                : "the statement can run in a transaction; without one it would run twice if Convoy is cut off before the ledger has the version",
            hint: (mayCommit ? "" : "remove transaction:false; ")
                + "if it is safe to run it twice, write `-- convoy:repeatable` on the line above it"
        )
    }

    /// A statement that fails where it has been done already. Without a transaction there is a moment when it is done and the ledger does not say
    /// so: what ends Convoy then must not leave an instance on which it fails for ever.
    private var unrepeatable: Refusal? {
        let words = words.filter { $0 != "UNIQUE" }
        guard words.count > 3, words[1] == "INDEX", words[2] == "CONCURRENTLY", words[3] != "IF" else { return nil }
        let condition: String
        switch words[0] {
        case "CREATE": condition = "IF NOT EXISTS"
        case "DROP": condition = "IF EXISTS"
        default: return nil
        }
        return Refusal(
            message: "\(words[0]) INDEX CONCURRENTLY without \(condition) fails when it is run again",
            hint:
                "write \(words[0]) INDEX CONCURRENTLY \(condition) and the index's name: it runs again if Convoy is cut off before the ledger "
                + "has the version, and an index that was left invalid is rebuilt"
        )
    }

    private var outsideTransaction: Refusal? {
        guard let command = commandOutsideTransaction else { return nil }
        return Refusal(
            message: "\(command) cannot run inside a transaction",
            hint: "put it alone into a migration with `-- migrate:up transaction:false` (or `-- migrate:down transaction:false`)"
        )
    }

    /// The statements that PostgreSQL refuses in a transaction block, where their words alone show it.
    private var commandOutsideTransaction: String? {
        switch (word(0), word(1), word(2)) {
        case ("CREATE", "INDEX", "CONCURRENTLY"), ("DROP", "INDEX", "CONCURRENTLY"):
            "\(word(0)) INDEX CONCURRENTLY"
        case ("CREATE", "UNIQUE", "INDEX") where word(3) == "CONCURRENTLY":
            "CREATE UNIQUE INDEX CONCURRENTLY"
        case ("CREATE", "DATABASE", _), ("DROP", "DATABASE", _), ("CREATE", "TABLESPACE", _), ("DROP", "TABLESPACE", _),
            ("ALTER", "SYSTEM", _):
            "\(word(0)) \(word(1))"
        case ("ALTER", "DATABASE", _) where has("SET", "TABLESPACE"):
            "ALTER DATABASE … SET TABLESPACE"
        case ("ALTER", "TABLE", _) where has("DETACH", "PARTITION") && tokens.last.map { source.isWord($0, "CONCURRENTLY") } == true:
            "ALTER TABLE … DETACH PARTITION … CONCURRENTLY"
        case ("VACUUM", _, _):
            "VACUUM"
        case ("CLUSTER", _, _) where tokens.dropFirst().allSatisfy(isVerbose):
            "CLUSTER of all tables"
        case ("REINDEX", _, _):
            reindexOutsideTransaction
        default:
            nil
        }
    }

    private func isVerbose(_ token: SQLToken) -> Bool {
        token.kind == .openParenthesis || token.kind == .closeParenthesis || source.isWord(token, "VERBOSE")
    }

    private func has(_ first: String, _ second: String) -> Bool {
        zip(tokens, tokens.dropFirst()).contains { source.isWord($0, first) && source.isWord($1, second) }
    }

    private var reindexOutsideTransaction: String? {
        var rest = tokens.dropFirst()
        if rest.first?.kind == .openParenthesis {
            let options = rest.prefix { $0.kind != .closeParenthesis }
            for (option, value) in zip(options, options.dropFirst() + rest.dropFirst(options.count))
            where source.isWord(option, "CONCURRENTLY") {
                let isOff = source.isWord(value, "FALSE") || source.isWord(value, "OFF") || source.text(value.range) == "0"
                if !isOff { return "REINDEX (CONCURRENTLY)" }
            }
            rest = rest.dropFirst(options.count + 1)
        }
        guard let object = rest.first else { return nil }
        if let whole = ["DATABASE", "SYSTEM", "SCHEMA"].first(where: { source.isWord(object, $0) }) { return "REINDEX \(whole)" }
        guard let next = rest.dropFirst().first, source.isWord(next, "CONCURRENTLY") else { return nil }
        return "REINDEX CONCURRENTLY"
    }
}
