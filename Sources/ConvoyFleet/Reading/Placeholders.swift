/// Words in single braces, such as `{name}` and `{label.region}`, that are filled in when a text is used.
///
/// Anything else in braces is the text's own, for example `{{.Names}}` or JSON.
package enum Placeholders {
    /// The words of a text, in order.
    package static func words(in text: String) -> [String] {
        pieces(of: text).dropFirst().compactMap { word(at: $0).map(String.init) }
    }

    /// The text with a value in the place of each word. Inserted values are not expanded again.
    package static func fill<Failure: Error>(
        _ text: String,
        _ value: (_ word: String) throws(Failure) -> String
    ) throws(Failure) -> String {
        let pieces = pieces(of: text)
        var result = pieces.first.map(String.init) ?? ""
        for piece in pieces.dropFirst() {
            if let word = word(at: piece) {
                result += try value(String(word))
                result += String(piece.unicodeScalars[piece.unicodeScalars.index(after: word.endIndex)...])
            } else {
                result += "{" + piece
            }
        }
        return result
    }

    /// What is before the first opening brace, and what comes after each. By scalars: to Swift, a brace with a combining mark after it is no brace.
    private static func pieces(of text: String) -> [Substring] {
        text.unicodeScalars.split(separator: "{", omittingEmptySubsequences: false).map(Substring.init)
    }

    /// The word that a piece begins with, its closing brace left out.
    private static func word(at piece: Substring) -> Substring? {
        let scalars = piece.unicodeScalars
        guard let end = scalars.firstIndex(of: "}"), scalars[scalars.index(after: end)...].first != "}" else { return nil }
        let word = scalars[..<end]
        guard let first = word.first, first.properties.isAlphabetic, word.allSatisfy(SelectorParser.isKeyCharacter) else { return nil }
        return Substring(word)
    }
}
