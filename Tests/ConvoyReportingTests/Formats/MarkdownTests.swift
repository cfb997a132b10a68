import Testing

@testable import ConvoyReporting
@testable import ConvoyText

struct MarkdownTests {
    @Test(arguments: [
        ("alice", "`alice`"), ("<img src=x>", "`<img src=x>`"), ("@team", "`@team`"), ("", ""), ("two\nlines", "`two\\nlines`"),
        ("a|b", "a&#124;b"), ("a`b<c>", "a&#96;b&lt;c&gt;"), ("back\\slash|", "back&#92;slash&#124;"), (" x", " x"),
        ("|@team", "&#124;@<!-- -->team"),
    ])
    func textStaysTextInACell(_ text: String, _ expected: String) {
        #expect(MarkdownText.code(text) == expected)
    }

    @Test(arguments: [
        ("wait for it, or end that session", "wait for it, or end that session"),
        ("*bold* _it_ [x](y)", "&#42;bold&#42; &#95;it&#95; &#91;x&#93;(y)"),
        ("see https://x.example", "see https&#58;//x.example"), ("#1 ~~no~~ $x$", "&#35;1 &#126;&#126;no&#126;&#126; &#36;x&#36;"),
        ("a & b", "a &amp; b"),
    ])
    func textStaysTextInASentence(_ text: String, _ expected: String) {
        #expect(MarkdownText.plain(text) == expected)
    }

    @Test(arguments: [
        (["SELECT 1"], "```sql\nSELECT 1\n```"), (["a", "```", "b"], "````sql\na\n```\nb\n````"), (["`````"], "``````sql\n`````\n``````"),
        ([], "```sql\n```"),
    ])
    func nothingEndsABlockOfCode(_ lines: [String], _ expected: String) {
        #expect(MarkdownText.fenced(lines, language: "sql") == expected)
    }

    @Test func everyRowOfATableHasEveryColumn() {
        for line in hostileReport.markdown(at: moment()).split(separator: "\n") where line.hasPrefix("|") {
            let bars = line.count { $0 == "|" }
            #expect([3, 4, 11 + 1].contains(bars), "\(line)")
        }
    }
}
