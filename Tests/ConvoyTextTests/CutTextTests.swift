import ConvoyText
import Testing

struct CutTextTests {
    @Test(arguments: [
        ("", 3, ""), ("abc", 3, "abc"), ("abcd", 3, "abc"), ("äöü", 3, "ä"), ("äöü", 4, "äö"), ("😀a", 3, ""), ("😀a", 4, "😀"),
        ("abc", 0, ""),
        ("abc", -1, ""),
    ])
    func aCutFallsBetweenCodePoints(_ text: String, _ limit: Int, _ cut: String) {
        #expect(text.prefix(bytes: limit) == cut)
    }

    @Test func oneCharacterOfAMillionBytesIsCutToo() {
        let text = "z" + String(repeating: "\u{301}", count: 500_000)
        #expect(text.count == 1)
        #expect(text.prefix(bytes: 480).utf8.count == 479)
    }
}
