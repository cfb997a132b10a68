import Testing

@testable import ConvoyCatalog

/// How the columns of one table become those of another: values, no database.
struct ColumnPlanTests {
    /// A column is alike if the digits behind its name are equal: `a1`, `b1`.
    private func plan(_ from: String, _ to: String) -> String {
        func definition(_ name: String) -> String { String(name.drop { !$0.isNumber }) }
        func names(_ text: String) -> [String] { text.split(separator: " ").map(String.init) }
        let old = Dictionary(names(from).map { (String($0.prefix { !$0.isNumber }), definition($0)) }) { first, _ in first }
        let new = Dictionary(names(to).map { (String($0.prefix { !$0.isNumber }), definition($0)) }) { first, _ in first }
        let plan = ColumnPlan(
            from: names(from).map { String($0.prefix { !$0.isNumber }) },
            to: names(to).map { String($0.prefix { !$0.isNumber }) }
        ) {
            old[$0] == new[$1]
        }
        var words = plan.renamed.map { "\($0.old)→\($0.new)\($0.isGuess ? "?" : "")" }
        if !plan.replaced.isEmpty { words.append("replaced " + plan.replaced.joined(separator: " ")) }
        if !plan.dropped.isEmpty { words.append("dropped " + plan.dropped.joined(separator: " ")) }
        if !plan.added.isEmpty { words.append("added " + plan.added.joined(separator: " ")) }
        if !plan.keepsOrder { words.append("another order") }
        return words.joined(separator: ", ")
    }

    @Test(arguments: [
        ("a b", "a b", ""),
        ("a b", "a b c", "added c"),
        ("a b c", "a c", "dropped b"),
        // In front of a column that stays, a new name can only be a renaming.
        ("a1 b1 c1", "a1 x1 c1", "b→x"),
        ("a1 b1 c1", "a1 x2 c1", "b→x"),
        ("a1 b1 c2 d1", "a1 x2 d1", "c→x, dropped b"),
        // At the end it is likely only if the definitions are equal.
        ("a1 b1", "a1 x1", "b→x?"),
        ("a1 b1", "a1 x2", "dropped b, added x"),
        ("a1 b1 c1", "a1 x1", "dropped b c, added x"),
        // A column that is behind others now, and has another definition, was made anew.
        ("a1 b1 c1", "a1 c1 b2", "replaced b, added b"),
        // One that has the same definition keeps its values.
        ("a1 b1 c1", "a1 c1 b1", "another order"),
        ("a1 c1", "a1 b1 c1", "added b, another order"),
        ("", "a b", "added a b"),
        ("a b", "", "dropped a b"),
    ]) func theColumnsOfATable(from: String, to: String, expected: String) {
        #expect(plan(from, to) == expected)
    }
}
