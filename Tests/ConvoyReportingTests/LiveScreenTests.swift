import Testing

@testable import ConvoyReporting
@testable import ConvoyText

/// What is left on a terminal when a view was drawn over and over on it.
struct LiveScreenTests {
    private static let wide = OutputStyle(width: 40, height: 10)
    private static let narrow = OutputStyle(width: 15, height: 10)

    @Test func aViewTakesItsOwnPlaceAgain() {
        var terminal = TerminalModel(width: 40, height: 10)
        var screen = LiveScreen()
        terminal.write("$ convoy migrate\n")
        for number in 0..<30 { terminal.write(screen.text([], view: ["fleet \(number)", "  wave", "  → a"], Self.wide)) }
        #expect(terminal.text == ["$ convoy migrate", "", "fleet 29", "  wave", "  → a"])
        terminal.write(screen.text([], view: ["fleet 30"], Self.wide))
        #expect(terminal.text == ["$ convoy migrate", "", "fleet 30"])
        terminal.write(screen.text([], view: [], Self.wide))
        terminal.write("result\n")
        #expect(terminal.text == ["$ convoy migrate", "result"])
    }

    @Test func linesStayAboveTheView() {
        var terminal = TerminalModel(width: 40, height: 6)
        var screen = LiveScreen()
        var expected: [String] = []
        for number in 0..<20 {
            // One is wider than the terminal, which wraps it as any text.
            let line = "warning \(number) " + String(repeating: "x", count: number == 7 ? 60 : 3)
            expected.append(line)
            terminal.write(screen.text([line], view: ["fleet", "  wave"], Self.wide))
            terminal.write(screen.text([], view: ["fleet", "  wave", "  → a"], Self.wide))
        }
        #expect(terminal.text == expected + ["", "fleet", "  wave", "  → a"])
    }

    @Test(arguments: TerminalModel.Narrowing.allCases, [true, false])
    func nothingIsLeftBehindWhenTheWindowGetsAnotherSize(_ narrowing: TerminalModel.Narrowing, _ isShort: Bool) {
        var terminal = TerminalModel(width: 40, height: 10, narrowing: narrowing)
        var screen = LiveScreen()
        terminal.write("$ convoy\n")
        let view = (0..<2).map { "line \($0) " + String(repeating: "=", count: 20) }
        let cut = view.map { $0.cut(to: 14, marker: "…") }
        for _ in 0..<3 {
            terminal.write(screen.text([], view: view, Self.wide))
            terminal.resize(width: 15, height: isShort ? 7 : 10)
            terminal.write(screen.text([], view: cut, Self.narrow))
            #expect(terminal.text == ["$ convoy", ""] + cut)
            terminal.resize(width: 40, height: 10)
            terminal.write(screen.text(["a line"], view: view, Self.wide))
            terminal.write(screen.text([], view: view, Self.wide))
            #expect(terminal.text.suffix(4) == ["a line", ""] + view)
            terminal.write(screen.text([], view: [], Self.wide))
            terminal = TerminalModel(width: 40, height: 10, narrowing: narrowing)
            screen = LiveScreen()
            terminal.write("$ convoy\n")
        }
    }

    @Test func whatSomebodyTypesStandsAboveTheView() {
        var terminal = TerminalModel(width: 40, height: 10)
        var screen = LiveScreen()
        terminal.write(screen.text([], view: ["fleet", "  wave"], Self.wide))
        terminal.write("yes\n")
        terminal.write(screen.text(["approved"], view: ["fleet", "  wave"], Self.wide))
        #expect(terminal.text == ["yes", "approved", "", "fleet", "  wave"])
        // What another program writes to the same terminal.
        terminal.write("{}\n")
        terminal.write(screen.text([], view: ["fleet", "  wave"], Self.wide))
        #expect(terminal.text == ["yes", "approved", "{}", "", "fleet", "  wave"])
    }

    @Test func aCharacterOfAnotherWidthThanThoughtMakesNoSecondLine() {
        var terminal = TerminalModel(width: 10, height: 10)
        var screen = LiveScreen()
        for _ in 0..<3 { terminal.write(screen.text([], view: ["0123456789abc", "  wave"], OutputStyle(width: 10, height: 10))) }
        #expect(terminal.text == ["", "012345678c", "  wave"])
    }

    @Test func aTerminalWithoutRoomGetsNoView() {
        var screen = LiveScreen()
        #expect(screen.text([], view: ["fleet"], OutputStyle(width: 40, height: 2)).isEmpty)
        #expect(screen.text(["a"], view: ["fleet"], OutputStyle(width: 40, height: 2)) == "a\n")
    }
}
