import Testing

@testable import ConvoyIO
@testable import ConvoyRollout

@Suite struct HookOutputTests {
    /// What is shown of a text with these secrets, however it is cut into pieces.
    private func masked(_ text: String, _ secrets: [String], piece: Int) -> String {
        var stream = SecretMask.Stream(SecretMask(secrets))
        let bytes = Array(text.utf8)
        var shown: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: piece) { shown += stream.add(bytes[start..<min(start + piece, bytes.count)]) }
        return String(decoding: shown + stream.finish(), as: UTF8.self)
    }

    @Test(arguments: [
        ("nothing here", ["secret"], "nothing here"),
        ("my secret is", ["secret"], "my ••• is"),
        ("secret", ["secret"], "•••"),
        ("secretsecret", ["secret"], "••••••"),
        ("secre", ["secret"], "secre"),
        ("sesecret", ["secret"], "se•••"),
        // The longer one is not given away by the shorter one in it.
        ("abcdef abc", ["abc", "abcdef"], "••• •••"),
        ("abcdx", ["abc", "abcdef"], "•••dx"),
        ("xabcdefx", ["abcd", "cdef"], "x•••x"),
        ("a.b", ["."], "a•••b"),
        ("aaa", ["a"], "•••••••••"),
        // Programs print line by line, and a short line is part of too much.
        ("line one\nline two", ["one\nline"], "••• ••• two"), ("the one\nby two", ["one\nby"], "the ••• two"),
        ("the one or by one", ["one\nby two"], "the one or by one"),
        ("pässwörd", ["ässwör"], "p•••d"),
        ("plain", ["", "  "], "plain"),
    ]) func secretsAreHidden(_ text: String, _ secrets: [String], _ expected: String) {
        for piece in 1...max(1, text.utf8.count) { #expect(masked(text, secrets, piece: piece) == expected, "pieces of \(piece)") }
    }

    @Test func thousandsOfSecrets() {
        let secrets = (0..<5000).map { "secret-number-\($0)-of-many" }
        let text = "see secret-number-17-of-many, and secret-number-4999-of-many, and secret-number-5000-of-many"
        #expect(masked(text, secrets, piece: 7) == "see •••, and •••, and secret-number-5000-of-many")
    }

    private func recorded(_ bytes: [UInt8], piece: Int) -> String {
        var recorder = OutputRecorder(SecretMask([]))
        for start in stride(from: 0, to: bytes.count, by: piece) { recorder.add(bytes[start..<min(start + piece, bytes.count)]) }
        recorder.finish()
        return recorder.text
    }

    @Test(arguments: [
        (Array("Grüße, 世界 🚗\n".utf8), "Grüße, 世界 🚗\n"),
        ([0x61, 0xFF, 0x62, 0xC3], "a\u{FFFD}b\u{FFFD}"),
        ([0xE2, 0x82, 0x41], "\u{FFFD}A"),
        (Array("\u{1B}[2Jgone\u{07}\u{00}".utf8), "\\u{1B}[2Jgone\\u{7}\\u{0}"),
        (Array("a\u{202E}b\u{2028}c\u{85}".utf8), "a\\u{202E}b\\u{2028}c\\u{85}"),
        (Array("one\r\ntwo\rthree\ttab\n\n".utf8), "one\ntwo\nthree\ttab\n\n"),
    ]) func whatATerminalWouldObeyIsWrittenOut(_ bytes: [UInt8], _ expected: String) {
        for piece in 1...bytes.count { #expect(recorded(bytes, piece: piece) == expected, "pieces of \(piece)") }
    }

    @Test func ofMuchOutputTheBeginningAndTheEndAreKept() throws {
        let half = OutputRecorder.limit / 2
        #expect(recorded(Array(repeating: 0x78, count: OutputRecorder.limit), piece: 1000).utf8.count == OutputRecorder.limit)
        // Three bytes each, so that neither cut is at the edge of a character by chance.
        let text = recorded(Array(String(repeating: "世", count: 200_000).utf8), piece: 4096)
        let parts = text.split(separator: "\n")
        try #require(parts.count == 3)
        #expect(parts[0].utf8.count <= half && parts[2].utf8.count <= half)
        #expect(parts[0].allSatisfy { $0 == "世" } && parts[2].allSatisfy { $0 == "世" })
        #expect(parts[1] == "… \(600_000 - parts[0].utf8.count - parts[2].utf8.count) bytes left out …")
    }
}
