import ConvoyText

/// A `--` comment that speaks to the loader: `-- migrate:WORD …` or `-- convoy:WORD …`.
struct Directive: Sendable, Hashable {
    enum Keyword: String, Sendable, CaseIterable {
        case up = "migrate:up"
        case down = "migrate:down"
        case step = "convoy:step"
        case irreversible = "convoy:irreversible"
        case repeatable = "convoy:repeatable"
        case admin = "convoy:admin"
        case lockTimeout = "convoy:lock-timeout"
        case statementTimeout = "convoy:statement-timeout"
    }

    /// The keyword as the file spells it.
    let spelling: String
    /// What follows the keyword, without blanks around it.
    let argument: String

    /// Nil if the spelling is not exactly a known one.
    var keyword: Keyword? { Keyword(rawValue: spelling) }

    /// The known keyword that was probably meant.
    var nearestKeyword: Keyword? {
        nearestWord(to: spelling, among: Keyword.allCases.map(\.rawValue)).flatMap(Keyword.init)
    }

    /// Reads a comment, `--` included; nil for one that is plain prose.
    init?(comment: String) {
        let content = comment.drop { $0 == "-" }.drop(while: \.isWhitespace)
        let spelling = content.prefix { !$0.isWhitespace }
        let parts = spelling.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        let families = ["migrate", "convoy"]
        if !families.contains(parts[0].lowercased()) {
            // A mistyped family is taken for a directive only where what follows is one: prose has colons too.
            let meant = nearestWord(to: String(parts[0]), among: families).map { "\($0):\(parts[1])" }
            let other = families.map { "\($0):\(parts[1])" }
            guard meant != nil, other.contains(where: { Keyword(rawValue: $0) != nil }) else { return nil }
        }
        self.spelling = String(spelling)
        var argument = content.dropFirst(spelling.count).drop(while: \.isWhitespace)
        while argument.last?.isWhitespace == true { argument.removeLast() }
        self.argument = String(argument)
    }
}
