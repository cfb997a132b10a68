import Testing

@testable import ConvoyKit

/// When a reason is shown that looks find, and how long.
struct LastingReasonTests {
    @Test(arguments: [
        // Each letter is what a look finds, and a dot nothing.
        ("a", ".", "."), ("aa", ".a", ".a"), ("aaa", ".a.", ".aa"), ("a.a", "...", "..."), ("aa.aa", ".a...", ".a..a"),
        ("ab", "..", ".."), ("abb", "..b", "..b"), ("aabb", ".a.b", ".aab"), ("aab.", ".a..", ".aa."), ("aababb", ".a...b", ".aaaab"),
    ])
    func whatTwoLooksHaveFoundIsNewOnce(_ looks: String, _ news: String, _ current: String) {
        var reason = LastingReason()
        var (shown, held) = ("", "")
        for look in looks {
            shown += reason.news(look == "." ? nil : String(look)) ?? "."
            held += reason.current ?? "."
        }
        #expect(shown == news && held == current, "\(looks): \(shown), \(held)")
    }
}
