import ConvoyText
import Testing

struct NearestWordTests {
    static let known = ["migrations", "max_connections", "max_parallel", "name", "url", "up", "labels"]

    @Test(arguments: [
        ("migration", "migrations"),
        ("max_conections", "max_connections"),
        ("maxparallel", "max_parallel"),
        ("nmae", "name"),
        ("Labels", "labels"),
        ("lables", "labels"),
        ("ulr", "url"),
        ("us", "up"),
    ])
    func close(word: String, expected: String) {
        #expect(nearestWord(to: word, among: Self.known) == expected)
    }

    @Test(arguments: ["", "x", "zz", "hostname", "password", String(repeating: "name", count: 100)])
    func nothingClose(word: String) {
        #expect(nearestWord(to: word, among: Self.known) == nil)
    }

    @Test func firstOfEquallyCloseWins() {
        #expect(nearestWord(to: "rest", among: ["best", "test"]) == "best")
    }
}
