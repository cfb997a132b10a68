import ConvoyRun
import FoundationEssentials
import Testing

@testable import ConvoyDashboard

/// The rules on who may reach what, as values.
struct SecurityRulesTests {
    @Test(
        arguments: [
            ("127.0.0.1:7080", "127.0.0.1", 7080, true), ("127.9.9.9:1", "127.9.9.9", 1, true), ("[::1]:0", "::1", 0, true),
            ("localhost:80", "127.0.0.1", 80, true), ("0.0.0.0:7080", "0.0.0.0", 7080, false), ("[::]:7080", "::", 7080, false),
            ("[::ffff:127.0.0.1]:80", "::ffff:127.0.0.1", 80, true), ("[::ffff:10.0.0.1]:80", "::ffff:10.0.0.1", 80, false),
            ("10.0.0.1:7080", "10.0.0.1", 7080, false), ("localhost.example.org:7080", "localhost.example.org", 7080, false),
        ]
    )
    func addressesAreRead(text: String, host: String, port: Int, isLoopback: Bool) throws {
        let address = try #require(ListenAddress(text))
        #expect(address.host == host)
        #expect(address.port == port)
        #expect(address.isLoopback == isLoopback)
    }

    @Test(arguments: [
        "", ":80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "::1:80", "[127.0.0.1]:80", "a b:80", "a@b:80", "[]:80",
    ])
    func whatIsNoAddressIsRefused(text: String) {
        #expect(ListenAddress(text) == nil)
    }

    @Test(
        arguments: [
            ("127.0.0.1:7080", true), ("localhost:7080", true), ("LOCALHOST:7080", true), ("[::1]:7080", true), ("localhost", false),
            ("localhost:7081", false), ("evil.example:7080", false), ("127.0.0.1.evil.example:7080", false), ("", false),
            ("convoy.example.org", true), ("Convoy.Example.org:443", true), ("convoy.example.org.evil:443", false),
            ("other.example.org", false),
            ("other.example.org:8443", true),
        ]
    )
    func onThisMachineOnlyItsNamesCount(authority: String, isAccepted: Bool) {
        let rule = HostRule(.standard, extra: ["convoy.example.org", "other.example.org:8443"])
        #expect(rule.accepts(authority, port: 7080) == isAccepted)
    }

    @Test func whereOthersReachUsEveryNameCountsUnlessSomeAreGiven() throws {
        let address = try #require(ListenAddress("0.0.0.0:7080"))
        #expect(HostRule(.network(address), extra: []).accepts("10.0.0.7:7080", port: 7080))
        #expect(!HostRule(.network(address), extra: []).accepts(nil, port: 7080))
        #expect(!HostRule(.network(address), extra: ["convoy.example.org"]).accepts("10.0.0.7:7080", port: 7080))
    }

    @Test(arguments: [(443, true, true), (443, false, false), (80, false, true), (80, true, false), (7080, true, false)])
    func aBrowserLeavesOutOnlyThePortOfItsScheme(port: Int, isSecure: Bool, isAccepted: Bool) {
        let rule = HostRule(.standard, extra: [], isSecure: isSecure)
        #expect(rule.accepts("localhost", port: port) == isAccepted)
        #expect(rule.accepts("localhost:\(port)", port: port))
    }

    @Test(arguments: [
        ("localhost", true), ("127.0.0.1", true), ("localhost:80", false), ("convoy.example.org", true), ("evil.example", false),
        ("", false),
    ])
    func overAUnixSocketThisMachineHasNoPort(authority: String, isAccepted: Bool) {
        let rule = HostRule(.unix(path: "/run/convoy/serve.sock", descriptor: -1), extra: ["convoy.example.org"])
        #expect(rule.accepts(authority, port: nil) == isAccepted)
    }

    @Test(
        arguments: [
            ("convoy.example.org", 443, true), ("Convoy.Example.org", 443, true), ("convoy", 443, true),
            ("convoy.example.org", 7443, false),
            ("convoy.example.org:7443", 7443, false), ("localhost", 443, false), ("convoy.localhost", 443, false),
            ("127.0.0.1", 443, false),
            ("10.0.0.7", 443, false), ("[::1]", 443, false), ("", 443, false), (nil, 443, false), ("convoy.example.org", nil, false),
        ] as [(String?, Int?, Bool)]
    )
    func onlyAHostThatIsOursAloneIsToldToUseTLS(authority: String?, port: Int?, isTold: Bool) {
        #expect(Outermost.isOwnSite(authority, port: port) == isTold)
    }

    @Test(
        arguments: [
            ([:], "no socket was handed over"), (["LISTEN_FDS": "1"], "no socket was handed over"),
            (["LISTEN_PID": "7"], "no socket was handed over"), (["LISTEN_PID": "8", "LISTEN_FDS": "1"], "another process"),
            (["LISTEN_PID": "07", "LISTEN_FDS": "1"], "another process"), (["LISTEN_PID": "x", "LISTEN_FDS": "1"], "another process"),
            (["LISTEN_PID": "7", "LISTEN_FDS": "0"], "exactly one"), (["LISTEN_PID": "7", "LISTEN_FDS": "2"], "exactly one"),
            (["LISTEN_PID": "7", "LISTEN_FDS": "99999999999999999999"], "exactly one"),
            (["LISTEN_PID": "7", "LISTEN_FDS": ""], "exactly one"),
        ] as [([String: String], String)]
    )
    func onlyOneSocketForThisProcessIsTaken(environment: [String: String], words: String) {
        let problem = #expect(throws: ServeProblem.self) { try SocketActivation.check(environment, processID: 7) }
        #expect(problem?.message.contains(words) == true, "\(String(describing: problem))")
    }

    @Test func theOneSocketOfThisProcessIsTaken() throws {
        try SocketActivation.check(["LISTEN_PID": "7", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "convoy"], processID: 7)
    }

    @Test func tokensAreNotShortNorUnusable() {
        #expect(throws: AccessToken.Unfit.tooShort) { try AccessToken("fifteen-letters") }
        #expect(throws: AccessToken.Unfit.tooShort) { try AccessToken("") }
        #expect(throws: AccessToken.Unfit.tooLong) { try AccessToken(String(repeating: "x", count: 1025)) }
        for text in ["sixteen letters!", "sixteen-letters\n", "sixteen-lettérs!!"] {
            #expect(throws: AccessToken.Unfit.unusableCharacter) { try AccessToken(text) }
        }
    }

    @Test func aTokenMatchesItselfAlone() throws {
        let token = try AccessToken("sixteen-letters!")
        #expect(token.matches("sixteen-letters!"))
        for text in ["", "sixteen-letters", "sixteen-letters!!", "Sixteen-letters!", "sixteen-letters?"] { #expect(!token.matches(text)) }
        #expect(!"\(token)".contains("sixteen"))
    }

    @Test func sessionsEndAndAreBounded() throws {
        var table = SessionTable()
        let token = try AccessToken("sixteen-letters!")
        let first = table.open(for: token, at: moment())
        #expect(table.session(first.id, at: moment(1)) == first)
        #expect(table.session(first.id + "0", at: moment(1)) == nil)
        #expect(table.session("", at: moment(1)) == nil)
        #expect(first.id.count == 64)
        #expect(first.csrfToken != first.id)
        #expect(table.session(first.id, at: first.expiresAt) == nil)
        for second in 1...SessionTable.limit { _ = table.open(for: token, at: moment(Double(second) / 1000)) }
        #expect(table.count == SessionTable.limit)
        #expect(table.session(first.id, at: moment(2)) == nil)
        let last = table.open(for: token, at: moment(10))
        table.close(last)
        #expect(table.session(last.id, at: moment(11)) == nil)
    }

    @Test func whoLogsInWithoutEndEndsOnlyItsOwnSessions() throws {
        var table = SessionTable()
        let ann = table.open(for: try AccessToken("ann-has-a-long-token"), at: moment())
        let viewer = try AccessToken("cleo-has-a-long-token")
        let first = table.open(for: viewer, at: moment(1))
        for number in 0...SessionTable.limit { _ = table.open(for: viewer, at: moment(2 + Double(number) / 1000)) }
        #expect(table.count == SessionTable.limit)
        #expect(table.session(ann.id, at: moment(5)) == ann)
        #expect(table.session(first.id, at: moment(5)) == nil)
        // Where all have the same number of sessions, there is room for one more all the same.
        var full = SessionTable()
        for number in 0..<SessionTable.limit {
            _ = full.open(for: try AccessToken("a-long-token-of-\(number)"), at: moment(Double(number) / 1000))
        }
        let newest = full.open(for: viewer, at: moment(2))
        #expect(full.count == SessionTable.limit && full.session(newest.id, at: moment(3)) == newest)
    }

    @Test func tooManyWrongTokensShutAnAddressOutForAWhile() {
        var limit = AttemptLimit()
        for _ in 1..<AttemptLimit.failures { limit.fail("a", at: moment()) }
        #expect(limit.wait("a", at: moment()) == nil)
        limit.fail("a", at: moment(5))
        #expect(limit.wait("a", at: moment(5)) == .seconds(55))
        #expect(limit.wait("b", at: moment(5)) == nil)
        #expect(limit.wait("a", at: moment(60)) == nil)
        // A clock that was set back shuts nobody out.
        #expect(limit.wait("a", at: moment(-10)) == nil)
        limit.fail("a", at: moment(61))
        #expect(limit.wait("a", at: moment(61)) == nil)
    }

    @Test func manyAddressesTakeNoMoreRoom() {
        var limit = AttemptLimit()
        for number in 0..<AttemptLimit.addresses { limit.fail("address \(number)", at: moment()) }
        for number in 0..<AttemptLimit.failures { limit.fail("other \(number)", at: moment(1)) }
        #expect(limit.wait("another one", at: moment(1)) != nil)
        #expect(limit.wait("address 0", at: moment(1)) == nil)
        #expect(limit.wait("another one", at: moment(61)) == nil)
    }

    @Test(
        arguments: [
            ("/runs/x?a=b", "/runs/x?a=b"), ("/", "/"), ("//evil.example", "/"), ("/\\evil.example", "/"), ("https://evil.example", "/"),
            ("", "/"), ("/a\nb", "/"), ("/a\tb", "/"), ("/é", "/"),
        ]
    )
    func onlyOurOwnPathsAreGoneTo(text: String, path: String) {
        #expect(DashboardRouter.localPath(text) == path)
    }

    @Test(arguments: [("a%20b", "a b"), ("%3Cimg%3E", "<img>"), ("caf%C3%A9", "café"), ("a+b", "a+b"), ("", "")])
    func percentIsDecoded(text: String, decoded: String) {
        #expect(text.percentDecoded == decoded)
        #expect(decoded.percentEncoded.percentDecoded == decoded)
    }

    @Test(arguments: ["%", "%4", "%zz", "%ff", "%+1", "%C3"])
    func whatCannotBeDecodedIsRefused(text: String) {
        #expect(text.percentDecoded == nil)
    }
}
