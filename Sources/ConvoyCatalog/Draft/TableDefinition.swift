/// What the fact of a table says.
struct TableDefinition: Hashable {
    var columns: [String]
    /// Storage parameters: `fillfactor=90`.
    var options: [String: String] = [:]
    var partitionKey: String?
    var isUnlogged = false
    var hasRowSecurity = false
    var isRowSecurityForced = false
    /// `nothing`, `full` or `index NAME`; nil is the default one.
    var replicaIdentity: String?

    /// Nil for what cannot be made again from facts alone: partitions, children and foreign tables, and texts that are not of this form.
    init?(_ text: String) {
        guard let parts = SQLName.parenthesized(text) else { return nil }
        columns = SQLName.elements(parts.inside)
        guard columns.allSatisfy(SQLName.isIdentifier) else { return nil }
        var rest = parts.rest
        func take(_ prefix: String) -> Bool {
            guard rest.hasPrefix(prefix) else { return false }
            rest = rest.dropFirst(prefix.count)
            return true
        }
        if take(" with ") {
            repeat {
                let name = rest.prefix { $0.isASCII && ($0.isLowercase || $0 == "_" || $0 == ".") }
                let value = rest.dropFirst(name.count + 1).prefix { $0.isASCII && ($0.isLetter || $0.isNumber || "_.+-".contains($0)) }
                guard !name.isEmpty, rest.dropFirst(name.count).first == "=", !value.isEmpty else { return nil }
                options[String(name)] = String(value)
                rest = rest.dropFirst(name.count + 1 + value.count)
            } while take(", ")
        }
        if take(" partitioned by ") {
            let fact = FactText(String(rest))
            guard let end = fact.first("LIST")?.upperBound ?? fact.first("RANGE")?.upperBound ?? fact.first("HASH")?.upperBound, end == 1,
                let behind = fact.behindParentheses(end)
            else { return nil }
            let key = fact.text(0..<behind)
            partitionKey = key
            rest = rest.dropFirst(key.count)
        }
        isUnlogged = take(" unlogged")
        hasRowSecurity = take(" row security")
        isRowSecurityForced = take(" forced")
        if take(" replica identity ") {
            let words = SQLName.elements(rest)
            let isIndex = rest.hasPrefix("index ") && SQLName.isIdentifier(String(rest.dropFirst(6)))
            guard words.count == 1, rest == "nothing" || rest == "full" || isIndex else { return nil }
            replicaIdentity = String(rest)
            rest = ""
        }
        guard rest.isEmpty else { return nil }
    }

    /// `name='value', …`
    static func list(_ options: [String: String]) -> String {
        options.sorted { $0.key < $1.key }.map { "\($0.key)='\($0.value)'" }.joined(separator: ", ")
    }

    /// The clause behind `ALTER TABLE` that sets the replica identity.
    var replicaIdentitySQL: String {
        switch replicaIdentity {
        case nil: "REPLICA IDENTITY DEFAULT"
        case "nothing"?: "REPLICA IDENTITY NOTHING"
        case "full"?: "REPLICA IDENTITY FULL"
        case let text?: "REPLICA IDENTITY USING INDEX " + text.dropFirst(6)
        }
    }
}
