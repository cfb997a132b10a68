import Testing

@testable import ConvoyFleet

@Suite struct PlaceholdersTests {
    @Test(arguments: [
        ("{name}", ["name"], "<name>"), ("a{b}c{d.e}", ["b", "d.e"], "a<b>c<d.e>"), ("{{name}}", [], "{{name}}"),
        ("{{.Names}}", [], "{{.Names}}"),
        ("{a b}", [], "{a b}"), ("{1}", [], "{1}"), ("{}", [], "{}"), ("{", [], "{"), ("}", [], "}"), ("{a", [], "{a"),
        ("{{a}", ["a"], "{<a>"),
        ("", [], ""), (#"{"k": 1}"#, [], #"{"k": 1}"#),
    ]) func wordsAndWhatIsPutIntoTheirPlaces(_ text: String, _ words: [String], _ filled: String) {
        #expect(Placeholders.words(in: text) == words)
        #expect(Placeholders.fill(text) { "<\($0)>" } == filled)
    }
}
