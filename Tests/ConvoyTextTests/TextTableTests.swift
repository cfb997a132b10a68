import Testing

@testable import ConvoyText

struct TextTableTests {
    private var table: TextTable {
        var table = TextTable([
            .init("NAME", minimumWidth: 8, importance: 3),
            .init("N", .right, importance: 2),
            .init("NOTE", minimumWidth: 4, importance: 1),
        ])
        table.add(["teslamate-instance-of-a-customer-with-a-long-name", "7", "short"])
        table.add(["bob", "1234", "a note that is long as well"])
        return table
    }

    @Test func withoutALimitNothingIsShortened() {
        #expect(
            table.lines(OutputStyle()) == [
                "NAME                                                  N  NOTE",
                "teslamate-instance-of-a-customer-with-a-long-name     7  short",
                "bob                                                1234  a note that is long as well",
            ]
        )
    }

    @Test func theWidestColumnsLoseTheirMiddle() {
        #expect(
            table.lines(OutputStyle(width: 40)) == [
                "NAME                 N  NOTE",
                "teslamat…ng-name     7  short",
                "bob               1234  a note t…as well",
            ]
        )
    }

    @Test func theLeastImportantColumnGoesFirst() {
        #expect(table.lines(OutputStyle(width: 16)).first == "NAME           N")
        #expect(table.lines(OutputStyle(width: 16, usesUnicode: false)).last == "bob         1234")
        #expect(table.lines(OutputStyle(width: 6)) == ["NAME", "tes…me", "bob"])
    }

    @Test(arguments: 1...90)
    func fitsEveryWidth(_ width: Int) {
        for line in table.lines(OutputStyle(width: width)) { #expect(line.displayWidth <= width) }
    }

    @Test func hostileNamesStayInTheirCell() {
        var table = TextTable([.init("NAME", importance: 1), .init("N", .right)])
        table.add(["a\u{1B}[2J\nb", "1"])
        table.add(["日本", "2"])
        table.add(["\u{202E}evil", "3"])
        #expect(
            table.lines(OutputStyle()) == [
                "NAME           N",
                #"a\u{1B}[2J\nb  1"#,
                "日本           2",
                #"\u{202E}evil   3"#,
            ]
        )
    }

    @Test func colourIsAddedOutsideTheWidths() {
        var table = TextTable([.init("A"), .init("B")])
        table.add([.init("x", .bad), "y"])
        #expect(table.lines(OutputStyle(usesColor: true)) == ["\u{1B}[1mA\u{1B}[0m  \u{1B}[1mB\u{1B}[0m", "\u{1B}[31mx\u{1B}[0m  y"])
    }

    @Test(arguments: [
        ("short", 10, "short"), ("abcdefghij", 5, "ab…ij"), ("abcdefghij", 4, "ab…j"), ("abcdefghij", 1, "…"), ("abcdefghij", 0, ""),
        ("日本語日本語", 7, "日…語"), ("e\u{301}e\u{301}e\u{301}", 3, "e\u{301}e\u{301}e\u{301}"),
    ])
    func shortensInTheMiddle(_ text: String, _ width: Int, _ expected: String) {
        #expect(text.shortened(to: width, marker: "…") == expected)
    }

    @Test(arguments: [
        ("plain", "plain"), ("tab\tand\r\n", #"tab\tand\r\n"#), ("\u{1B}]0;title\u{7}", #"\u{1B}]0;title\u{7}"#),
        ("\u{9B}31m", #"\u{9B}31m"#),
        ("Zoë 日本", "Zoë 日本"), ("a\u{200B}b", #"a\u{200B}b"#), ("\u{2028}", #"\u{2028}"#), ("\u{7F}\u{0}", #"\u{7F}\u{0}"#),
    ])
    func controlCharactersAreShownNotObeyed(_ text: String, _ expected: String) {
        #expect(text.visible == expected)
    }

    @Test(arguments: [
        ("abcdef", 6, "abcdef"), ("abcdef", 5, "abcd…"), ("\u{1B}[31mabc\u{1B}[0mdef", 6, "\u{1B}[31mabc\u{1B}[0mdef"),
        ("\u{1B}[31mabc\u{1B}[0mdef", 3, "\u{1B}[31mab…\u{1B}[0m"), ("\u{1B}[31mabc\u{1B}[0mdef", 5, "\u{1B}[31mabc\u{1B}[0md…"),
        ("日本語", 5, "日本…"),
        ("abc", 0, ""),
    ])
    func paintTakesNoColumn(_ text: String, _ width: Int, _ expected: String) {
        #expect(text.cutKeepingPaint(to: width, marker: "…") == expected)
    }
}
