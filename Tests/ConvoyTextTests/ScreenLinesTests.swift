import ConvoyText
import TestSupport
import Testing

/// What is written so that a terminal shows other lines.
struct ScreenLinesTests {
    /// A terminal that knows the sequences that are used here, and no other.
    private struct Screen {
        var lines: [String]
        private var row = 0
        private(set) var drawn: [Int] = []

        init(height: Int) { lines = Array(repeating: "", count: height) }

        mutating func write(_ output: String) throws {
            drawn = []
            var rest = output[...]
            while let character = rest.first {
                guard character == "\u{1B}" else {
                    lines[row].append(character)
                    rest.removeFirst()
                    continue
                }
                let match = try #require(rest.prefixMatch(of: #/\u{1B}\[([0-9;]*)([A-Za-z])/#), "\(rest.prefix(10).debugDescription)")
                rest = rest[match.range.upperBound...]
                switch (match.2, match.1) {
                case ("J", "2"): lines = lines.map { _ in "" }
                case ("K", "2"): lines[row] = ""
                case ("m", _): break
                case ("H", let place):
                    row = try #require(place.split(separator: ";").first.flatMap { Int($0) }) - 1
                    drawn.append(row)
                default: Issue.record("unknown sequence \(match.0.debugDescription)")
                }
            }
        }
    }

    private let style = OutputStyle(width: 10, height: 3)

    @Test func onlyTheLinesThatChangedAreWritten() throws {
        var (screen, terminal) = (ScreenLines(), Screen(height: 3))
        func show(_ texts: [String], _ style: OutputStyle) throws -> [Int] {
            try terminal.write(screen.changes(to: texts.map { ScreenLine($0) }, style))
            return terminal.drawn
        }
        #expect(try show(["a", "b"], style) == [0, 1])
        #expect(terminal.lines == ["a", "b", ""])
        #expect(screen.changes(to: [ScreenLine("a"), ScreenLine("b")], style) == "")
        #expect(try show(["a", "c", "d"], style) == [1, 2])
        #expect(terminal.lines == ["a", "c", "d"])
        #expect(try show(["a"], style) == [1, 2])
        #expect(terminal.lines == ["a", "", ""])
        // A line too many is left out.
        #expect(try show(["1", "2", "3", "4"], style) == [0, 1, 2])
        screen.forget()
        #expect(try show(["1", "2", "3"], style) == [0, 1, 2])
    }

    @Test func anotherSizeDrawsEverything() throws {
        var screen = ScreenLines()
        let lines = [ScreenLine("first line"), ScreenLine("second")]
        _ = screen.changes(to: lines, style)
        for style in [OutputStyle(width: 8, height: 3), OutputStyle(width: 8, height: 5), OutputStyle(width: 20, height: 2)] {
            var terminal = Screen(height: style.height ?? 0)
            try terminal.write(screen.changes(to: lines, style))
            #expect(terminal.drawn == [0, 1])
            #expect(terminal.lines.prefix(2) == [style.width == 8 ? "first l…" : "first line", "second"])
            #expect(screen.changes(to: lines, style) == "")
        }
    }

    @Test(arguments: [
        ("漢字漢字漢", 10, "漢字漢字漢"), ("漢字漢字漢字", 10, "漢字漢字…"), ("a漢字漢字漢", 10, "a漢字漢字…"), ("😀😀😀", 5, "😀😀…"), ("abc", 1, "…"),
        ("e\u{301}e\u{301}", 2, "e\u{301}e\u{301}"),
        ("abc", 0, ""), ("", 5, ""),
    ])
    func linesAreCutByColumns(_ text: String, _ width: Int, _ cut: String) {
        let line = ScreenLine(text).rendered(OutputStyle(width: width, height: 1))
        #expect(line == cut)
        #expect(line.displayWidth <= width)
    }

    @Test(arguments: ["\u{1B}[2J", "\u{9B}31m", "a\rb", "a\nb", "\u{202E}evil", "\u{1B}]0;title\u{7}", "\u{7}"])
    func nothingInATextIsObeyed(_ text: String) {
        for isSelected in [false, true] {
            var line = ScreenLine("name ", .heading)
            line.append(text, .bad)
            line.append(text, width: 12, OutputStyle())
            line.isSelected = isSelected
            let plain = line.rendered(OutputStyle(width: 80, height: 1))
            #expect(!plain.unicodeScalars.contains { $0.isObeyedByTerminals }, "\(plain.debugDescription)")
            let painted = line.rendered(OutputStyle(width: 80, height: 1, usesColor: true)).replacing(#/\u{1B}\[(0|1|7|31)m/#, with: "")
            #expect(!painted.unicodeScalars.contains { $0.isObeyedByTerminals }, "\(painted.debugDescription)")
        }
    }

    @Test func aCharacterOfAMillionMarksIsCut() {
        let text = "z" + String(repeating: "\u{301}", count: 100_000)
        var line = ScreenLine(text)
        line.append(text, width: 5, OutputStyle())
        #expect(line.rendered(OutputStyle(width: 80, height: 1)).utf8.count < 100)
    }

    @Test func coloursAndTheSelection() {
        let color = OutputStyle(width: 8, height: 1, usesColor: true)
        var line = ScreenLine("ab", .bad)
        line.append("cd")
        #expect(line.rendered(color) == "\u{1B}[31mab\u{1B}[0mcd")
        #expect(line.rendered(OutputStyle(width: 8, height: 1)) == "abcd")
        // What is cut off takes its paint with it.
        #expect(line.rendered(OutputStyle(width: 2, height: 1, usesColor: true)) == "\u{1B}[31ma\u{1B}[0m…")
        line.isSelected = true
        #expect(line.rendered(color) == "\u{1B}[7mabcd    \u{1B}[0m")
        #expect(line.text == "abcd")
    }

    @Test func columnsHaveTheirWidth() {
        var line = ScreenLine()
        for (text, isRight) in [("ab", false), ("cd", true), ("漢字漢字", false), ("abcdefgh", false)] {
            line.append(text, width: 5, isRight: isRight, OutputStyle())
        }
        #expect(line.text == "ab      cd漢…字ab…gh")
    }

    /// After any number of changes the terminal shows the last lines.
    @Test func anyChangesLeadToTheLastLines() throws {
        var generator = SeededGenerator(seed: 11)
        var (screen, terminal) = (ScreenLines(), Screen(height: 6))
        let style = OutputStyle(width: 12, height: 6, usesColor: true)
        for _ in 0..<500 {
            let lines = (0..<Int.random(in: 0...7, using: &generator)).map { _ in
                var line = ScreenLine(
                    ["alice", "漢字", "", "a longer text than fits"].randomElement(using: &generator) ?? "",
                    [.none, .bad].randomElement(using: &generator) ?? .none
                )
                line.isSelected = Bool.random(using: &generator)
                return line
            }
            try terminal.write(screen.changes(to: lines, style))
            let expected = lines.prefix(6).map { $0.rendered(style).replacing(#/\u{1B}\[[0-9]*m/#, with: "") }
            #expect(terminal.lines == expected + Array(repeating: "", count: 6 - expected.count))
        }
    }
}
