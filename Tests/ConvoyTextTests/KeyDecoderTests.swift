import ConvoyText
import TestSupport
import Testing

/// What a terminal sends, as keys.
struct KeyDecoderTests {
    private static func keys(_ bytes: [UInt8], in pieces: [Int] = []) -> [Key] {
        var decoder = KeyDecoder()
        var keys: [Key] = []
        var rest = bytes[...]
        for count in pieces + [bytes.count] {
            keys += decoder.keys(rest.prefix(count))
            rest = rest.dropFirst(count)
        }
        return keys + decoder.timeOut()
    }

    private static let table: [(input: String, keys: [Key])] = [
        ("", []), ("q", [.character("q")]), ("G?", [.character("G"), .character("?")]),
        ("é漢😀", [.character("é"), .character("漢"), .character("😀")]),
        ("\r", [.enter]), ("\n", [.enter]), ("\t", [.tab]), ("\u{7F}\u{8}", [.backspace, .backspace]),
        ("\u{3}\u{1A}", [.control("c"), .control("z")]),
        // A lone Esc, two of them, and one with another key right behind it.
        ("\u{1B}", [.escape]), ("\u{1B}\u{1B}", [.escape, .escape]), ("\u{1B}q", [.escape, .character("q")]),
        ("\u{1B}\u{1B}[A", [.escape, .up]),
        ("\u{1B}[A\u{1B}[B\u{1B}[C\u{1B}[D", [.up, .down, .right, .left]), ("\u{1B}OA\u{1B}OB\u{1B}OH\u{1B}OF", [.up, .down, .home, .end]),
        ("\u{1B}[H\u{1B}[F\u{1B}[1~\u{1B}[4~\u{1B}[7~\u{1B}[8~", [.home, .end, .home, .end, .home, .end]),
        ("\u{1B}[5~\u{1B}[6~\u{1B}[3~\u{1B}[Z", [.pageUp, .pageDown, .delete, .backTab]), ("\u{1B}OM", [.enter]),
        // With a modifier.
        ("\u{1B}[1;5A\u{1B}[6;2~", [.up, .pageDown]),
        // Function keys, a report of the cursor, the focus, keys that nothing here knows.
        ("\u{1B}[15~\u{1B}OP\u{1B}[[Aq\u{1B}[24;80R\u{1B}[I\u{1B}[99~\u{1B}[201~", [.character("q")]),
        // Cut off by another key, and never finished.
        ("\u{1B}[1;\u{1B}[A", [.up]), ("\u{1B}[1;\rq", [.enter, .character("q")]), ("\u{1B}O\u{3}", [.control("c")]), ("\u{1B}[12", []),
        ("\u{1B}[" + String(repeating: "1;", count: 5000) + "Aq", [.up, .character("q")]),
        ("\u{1B}[200~ab\tc\nd\u{1B}[31m é\u{1B}[201~q", [.paste("ab c d[31m é"), .character("q")]),
        ("\u{1B}[200~a\u{1B}[20\u{1B}[201~", [.paste("a[20")]), ("\u{1B}[200~\u{1B}[201~", [.paste("")]),
        ("\u{1B}[200~never ends", [.paste("never ends")]),
        // What a terminal would obey is no character to type.
        ("\u{85}\u{200B}\u{202E}a", [.character("a")]), ("\u{0}\u{1C}b", [.character("b")]),
    ]

    @Test(arguments: table) func bytesAreKeys(_ input: String, _ keys: [Key]) {
        #expect(Self.keys(Array(input.utf8)) == keys, "\(input.debugDescription)")
    }

    /// A slow line delivers a key in pieces.
    @Test(arguments: table) func piecesAreTheSameKeys(_ input: String, _ keys: [Key]) {
        let bytes = Array(input.utf8)
        for cut in 0...min(bytes.count, 64) { #expect(Self.keys(bytes, in: [cut]) == keys, "\(input.debugDescription) cut at \(cut)") }
        #expect(Self.keys(bytes, in: Array(repeating: 1, count: bytes.count)) == keys)
    }

    @Test func onlyTimeTellsALoneEscapeFromASequence() {
        var decoder = KeyDecoder()
        #expect(decoder.patience == nil)
        #expect(decoder.keys([0x1B]) == [])
        #expect(decoder.patience == .milliseconds(50))
        #expect(decoder.timeOut() == [.escape])
        #expect(decoder.patience == nil)
        #expect(decoder.keys(Array("[A".utf8)) == [.character("["), .character("A")])
        #expect(decoder.keys([0x1B] + Array("[".utf8)) == [] && decoder.keys(Array("A".utf8)) == [.up])
        // A paste may pause for longer than the bytes of a key.
        _ = decoder.keys(Array("\u{1B}[200~a".utf8))
        #expect(decoder.patience == .seconds(1))
    }

    @Test(
        arguments: [
            [0xFF, 0xFE, 0x61], [0xC3, 0x61], [0xC3, 0x1B, 0x5B, 0x41], [0xED, 0xA0, 0x80, 0x61], [0xC0, 0x80, 0x61],
            [0xF4, 0x90, 0x80, 0x80, 0x61],
        ] as [[UInt8]]
    )
    func whatIsNotUTF8IsPassedOver(_ bytes: [UInt8]) {
        let keys = Self.keys(bytes)
        #expect(keys == (bytes.last == 0x41 ? [.up] : [.character("a")]))
    }

    @Test func aPasteHasALimit() {
        let keys = Self.keys(Array(("\u{1B}[200~" + String(repeating: "x", count: 100_000) + "\u{1B}[201~q").utf8))
        #expect(keys == [.paste(String(repeating: "x", count: 4096)), .character("q")])
    }

    /// Whatever came before, the next key is understood once it was quiet.
    @Test func garbageDoesNoHarm() {
        var generator = SeededGenerator(seed: 7)
        let bytes: [UInt8] = [0x1B, 0x5B, 0x4F, 0x7E, 0x32, 0x30, 0x3B, 0xC3, 0xA9, 0xF0, 0xFF, 0x00, 0x0D, 0x41]
        for _ in 0..<2000 {
            var decoder = KeyDecoder()
            let length = Int.random(in: 0...20, using: &generator)
            _ = decoder.keys(
                (0..<length).map { _ in
                    Bool.random(using: &generator)
                        ? bytes.randomElement(using: &generator) ?? 0 : UInt8.random(in: 0...255, using: &generator)
                }
            )
            _ = decoder.timeOut()
            #expect(decoder.patience == nil && decoder.keys([0x71]) == [.character("q")])
        }
    }
}
