/// As much of a PromQL expression as a test has to know of it: the metrics it reads and the labels it names.
struct PromQLExpression {
    struct Selection {
        var metric: String
        var matchers: [(label: String, value: String)]
    }

    private(set) var selections: [Selection] = []
    /// Labels after `by`, `on`, `group_left` and the like.
    private(set) var groupings: [String] = []
    /// Labels that `count_values` makes.
    private(set) var made: [String] = []
    /// What is neither a number, an operator nor one of the functions that the board is meant to use, and parentheses that do not match.
    private(set) var problems: [String] = []

    private static let words: Set = [
        "sum", "max", "min", "topk", "count_values", "sort_desc", "time", "vector", "and", "or", "by", "on", "group_left",
        "increase", "rate", "histogram_quantile",
    ]

    init(_ text: String) {
        var rest = text
        for match in text.matches(of: /\b(convoy_[a-z_]+)(\{([^}]*)\})?/) {
            let matchers = (match.3 ?? "").matches(of: /([a-z_]+)(=~|!~|!=|=)"([^"]*)"/)
            // A histogram is known by the name of its family.
            let metric = String(match.1).replacing(/_(bucket|count|sum)$/, with: "")
            selections.append(Selection(metric: metric, matchers: matchers.map { (String($0.1), String($0.3)) }))
            let unread = (match.3 ?? "").replacing(/[a-z_]+(=~|!~|!=|=)"[^"]*"/, with: "")
            if !unread.allSatisfy({ $0 == "," || $0 == " " }) { problems.append("unread: \(match.0)") }
        }
        rest.replace(/\bconvoy_[a-z_]+(\{[^}]*\})?(\[[0-9]+[smhd]\])?/, with: "0")
        for match in rest.matches(of: /\b(by|on|group_left) \(([^)]*)\)/) {
            groupings += match.2.split(separator: ",").map { String($0.trimmingPrefix(" ")) }
        }
        rest.replace(/\b(by|on|group_left) \([^)]*\)/, with: "")
        made = rest.matches(of: /count_values\("([a-z_]+)"/).map { String($0.1) }
        rest.replace(/"[^"]*"/, with: "0")
        for match in rest.matches(of: /[A-Za-z_$][A-Za-z0-9_$]*/) where !Self.words.contains(String(match.0)) {
            problems.append("unknown word \(match.0)")
        }
        var depth = 0
        for character in text {
            if character == "(" { depth += 1 }
            if character == ")" { depth -= 1 }
            if depth < 0 { break }
        }
        if depth != 0 { problems.append("the parentheses do not match") }
    }
}
