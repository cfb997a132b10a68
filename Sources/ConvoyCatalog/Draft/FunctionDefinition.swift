/// What the fact of a function or a procedure says.
struct FunctionDefinition: Hashable {
    var arguments: String
    var isProcedure: Bool
    var result: String?
    var language: String
    private var attributes: [String]
    private var body: String

    /// Nil for what cannot be made again from facts alone: aggregates, window functions, other languages than SQL and PL/pgSQL, settings, and
    /// texts that are not of this form.
    init?(_ fact: CatalogFact) {
        let text = FactText(fact.text)
        guard text.isWhole, let behind = text.behindParentheses(0), let language = text.first("language", from: behind),
            ["sql", "plpgsql"].contains(text.word(language.upperBound)), text.word(language.upperBound + 1) == "volatility"
        else { return nil }
        arguments = text.text(0..<behind)
        self.language = text.word(language.upperBound)
        isProcedure = text.text(behind..<language.lowerBound) == "procedure"
        if text.word(behind) == "returns" {
            result = text.text(behind + 1..<language.lowerBound)
        } else if !isProcedure {
            return nil
        }
        var index = language.upperBound + 2
        attributes = []
        guard let volatility = ["v": "VOLATILE", "s": "STABLE", "i": "IMMUTABLE"][text.word(index)], text.word(index + 1) == "parallel",
            let parallel = ["u": "UNSAFE", "r": "RESTRICTED", "s": "SAFE"][text.word(index + 2)], text.word(index + 3) == "strict",
            let isStrict = Bool(text.word(index + 4))
        else { return nil }
        index += 5
        // A procedure has none of them.
        if !isProcedure { attributes = [volatility, isStrict ? "STRICT" : "CALLED ON NULL INPUT", "PARALLEL \(parallel)"] }
        while index < text.count {
            if text.text(index..<index + 2) == "security definer" {
                attributes.append("SECURITY DEFINER")
                index += 2
            } else if text.word(index) == "leakproof" {
                attributes.append("LEAKPROOF")
                index += 1
            } else {
                return nil
            }
        }
        body = fact.detail
    }

    /// Whether another definition of the same name can take its place.
    func canReplace(_ other: FunctionDefinition) -> Bool {
        (arguments, isProcedure, result) == (other.arguments, other.isProcedure, other.result)
    }

    /// - Parameter name: qualified, without the types.
    func sql(name: String, isReplacing: Bool) -> String {
        let head = "CREATE \(isReplacing ? "OR REPLACE " : "")\(isProcedure ? "PROCEDURE" : "FUNCTION") \(name)\(arguments)"
        let words = (result.map { ["RETURNS \($0)"] } ?? []) + ["LANGUAGE \(language)"] + attributes
        // The body of a function of the SQL standard: as a text it would be no statement of SQL.
        let isStandard = language == "sql" && (body.hasPrefix("RETURN ") || body.hasPrefix("BEGIN ATOMIC"))
        return "\(head)\n\(words.joined(separator: " "))\n" + (isStandard ? body : "AS \(dollarQuoted(body))")
    }
}

/// A text in dollar quotes whose tag it does not contain.
func dollarQuoted(_ text: String) -> String {
    var tag = "$$"
    var number = 0
    // `$` at the end would run into the closing tag.
    while text.contains(tag) || text.hasSuffix("$") && tag == "$$" {
        number += 1
        tag = "$body\(number == 1 ? "" : String(number))$"
    }
    return tag + text + tag
}
