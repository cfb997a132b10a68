import TestSupport
import Testing

/// Clicks on pages that change under the mouse.
@Suite(.timeLimit(.minutes(2)))
struct BrowserClickTests {
    private static let page = """
        data:text/html,<div id=space></div><button id=other style=display:block;height:60px>Other</button>\
        <button id=wanted style=display:block;height:60px>Wanted</button>\
        <script>window.clicks = []; for (const button of document.querySelectorAll('button')) \
        button.addEventListener('click', () => clicks.push(button.id));</script>
        """

    /// Facts that arrive move what stands below them.
    @Test func anElementThatMovesAwayIsClickedWhereItIsThen() async throws {
        try await Browser.with { browser in
            try await browser.open(Self.page)
            try await browser.run("addEventListener('mousemove', () => { space.style.height = '60px'; }, { once: true })")
            try await browser.click("#wanted")
            #expect(try await browser.value("window.clicks") == ["wanted"])
        }
    }

    /// A table that is drawn anew has other rows with the same text.
    @Test func anElementThatIsReplacedIsClickedAgain() async throws {
        try await Browser.with { browser in
            try await browser.open(Self.page)
            try await browser.run(
                """
                wanted.addEventListener('mousedown', () => {
                    const copy = wanted.cloneNode(true); copy.addEventListener('click', () => clicks.push('copy')); wanted.replaceWith(copy);
                }, { once: true })
                """
            )
            try await browser.click("#wanted")
            #expect(try await browser.value("window.clicks") == ["copy"])
        }
    }
}
