import ConvoyText
import FoundationEssentials
import Testing

@testable import ConvoyDashboard

/// What a file of tokens may say.
struct TokenFileTests {
    private static let token = "correct-horse-battery-staple"
    private static let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    private static let lineFeed = "01ba4719c80b6fe911b091a7c05124b64eeece964e09c058ef8f9805daca546b"

    @Test func namesAndRolesAreRead() throws {
        let text = """
            # who   role  token, and what it is for: café

            ann\toperator\tann-has-a-long-token
              grafana viewer   grafana-has-one-too  \n\
            bob@example.org operator,approver bob-has-a-long-token
            """
        let list = try TokenFile.parse(text, file: "tokens")
        #expect(list.holders.map(\.name) == ["ann", "grafana", "bob@example.org"])
        #expect(list.holders.map(\.roles) == [[.operator], [.viewer], [.operator, .approver]])
        #expect(list.holders.map(\.title) == ["ann (operator)", "grafana (viewer)", "bob@example.org (operator, approver)"])
        #expect(list.holder(showing: "bob-has-a-long-token")?.name == "bob@example.org")
        for wrong in ["", "bob-has-a-long-toke", "bob-has-a-long-token ", "ann", "operator"] { #expect(list.holder(showing: wrong) == nil) }
        #expect(list.holder(of: try AccessToken("ann-has-a-long-token"))?.name == "ann")
        #expect(list.holder(of: try AccessToken("eve-has-a-long-token")) == nil)
    }

    @Test func everyRoleReadsAndDoesOnlyItsOwn() throws {
        let list = try TokenFile.parse("a viewer \(Self.token)\nb operator \(Self.token)2\nc approver \(Self.token)3\n", file: "tokens")
        #expect(list.holders.map { $0.may(.viewer) } == [true, true, true])
        #expect(list.holders.map { $0.may(.operator) } == [false, true, false])
        #expect(list.holders.map { $0.may(.approver) } == [false, false, true])
        let only = try #require(TokenList(try AccessToken(Self.token)).holders.first)
        #expect(Role.allCases.allSatisfy(only.may) && only.title == nil)
    }

    @Test(arguments: [
        "viewer", "ann viewer", "ann \(token)", "ann viewer \(token) more", "ann viewer sha256: \(token)",
    ])
    func aLineHasThreeWords(line: String) {
        expect([(1, "not a name, a role and a token")], in: line)
    }

    @Test(
        arguments: [
            ("._@- viewer \(token)", "the name is not one"),
            ("a/b viewer \(token)", "the name is not one"), ("a,b viewer \(token)", "the name is not one"),
            (String(repeating: "a", count: 65) + " viewer \(token)", "the name is not one"),
            ("ann Viewer \(token)", "the role is unknown"), ("ann admin \(token)", "the role is unknown"),
            ("ann viewer,admin \(token)", "the role is unknown"), ("ann viewer, \(token)", "the role is unknown"),
            ("ann , \(token)", "the role is unknown"), ("ann viewer,viewer \(token)", "a role stands there twice"),
            ("ann viewer fifteen-letters", "the token is shorter than 16 characters"),
            ("ann viewer " + String(repeating: "x", count: 1025), "the token is too long"),
            ("ann viewer sha256:", "is not the 64 hexadecimal digits"),
            ("ann viewer sha256:\(empty.dropLast())", "is not the 64 hexadecimal digits"),
            ("ann viewer sha256:\(empty)0", "is not the 64 hexadecimal digits"),
            ("ann viewer sha256:\(empty.dropLast())g", "is not the 64 hexadecimal digits"),
            ("ann viewer sha256:\(empty)", "the hash is that of an empty text"),
            ("ann viewer sha256:\(lineFeed)", "the hash is that of an empty text"),
            ("ann viewer SHA256:\(empty.prefix(4))", "the token is shorter than 16"),
            ("ann viewer \(token)\r", "the line holds a control character"),
            ("ann viewer\u{a0}\(token)", "the line holds a no-break space"), ("\u{feff}ann viewer \(token)", "byte order mark"),
            ("\u{430}nn viewer \(token)", "the line holds U+0430"), ("ann viewer \(token)\u{0}", "the line holds a control character"),
            ("ann viewer corréct-horse-battery", "the line holds a character beyond ASCII"),
            ("", "the file has no token"), ("# ann viewer \(token)\n\n", "the file has no token"),
        ]
    )
    func aMistakeIsNamed(line: String, words: String) {
        expect([(line.isEmpty || line.hasPrefix("#") ? nil : 1, words)], in: line)
    }

    @Test(arguments: ["ANN", "Ann", "ann.", "ann-", "_ann", "@aNN._@-"])
    func aNameThatPretendsToBeAnotherIsRefused(name: String) {
        expect([(2, "line 1 has the same name, apart from case")], in: "ann viewer \(Self.token)\n\(name) operator \(Self.token)2\n")
        expect([(2, "line 1 has the same name, apart from case")], in: "\(name) viewer \(Self.token)\nann operator \(Self.token)2\n")
    }

    @Test func namesThatDifferWithinAreAccepted() throws {
        let names = ["ann", "ann.b", "annb", "an-n", "ann@b", "b.ann"]
        let text = names.enumerated().map { "\($1) viewer \(Self.token)\($0)\n" }.joined()
        #expect(try TokenFile.parse(text, file: "tokens").holders.map(\.name) == names)
    }

    @Test func twoLinesWithOneNameOrOneTokenAreNamed() {
        let text = "ann viewer \(Self.token)\n# a note\nann operator \(Self.token)2\nbob viewer \(Self.token)\n"
        expect([(3, "line 1 has the same name"), (4, "line 1 has the same token")], in: text)
        let digits = "0123456789abcdef"
        let hash = String(repeating: digits, count: 4)
        expect([(2, "line 1 has the same token")], in: "a viewer sha256:\(hash)\nb viewer sha256:\(hash.uppercased())\n")
    }

    @Test(
        arguments: [
            ("ann operator \(token)\nbea viewer \(token)2\n", "2 tokens; nothing changed"),
            ("# a note\nbea viewer \(token)2\nann operator \(token)\n", "2 tokens; nothing changed"),
            ("ann operator \(token)\n", "1 token; 1 removed (its sessions have ended)"),
            ("cleo viewer \(token)3\n", "1 token; 1 added, 2 removed (their sessions have ended)"),
            ("ann viewer \(token)\nbea operator \(token)2\n", "2 tokens; 2 roles changed"),
            ("ann viewer \(token)\ncleo viewer \(token)2\n", "2 tokens; 1 role changed, 1 name changed"),
            ("ann operator \(token)\nbea viewer \(token)4\n", "2 tokens; 1 added, 1 removed (its sessions have ended)"),
        ]
    )
    func changesAreCounted(text: String, words: String) throws {
        let before = try TokenFile.parse("ann operator \(Self.token)\nbea viewer \(Self.token)2\n", file: "tokens")
        #expect(try TokenFile.parse(text, file: "tokens").changes(from: before) == words)
    }

    @Test func tooManyTokensAreRefused() throws {
        func lines(_ count: Int) -> String { (0..<count).map { "n\($0) viewer \(Self.token)-\($0)\n" }.joined() }
        #expect(try TokenFile.parse(lines(TokenFile.mostTokens), file: "tokens").holders.count == TokenFile.mostTokens)
        expect([(nil, "more than 1000 tokens")], in: lines(TokenFile.mostTokens + 1))
    }

    @Test func aHashMatchesItsTokenInEitherCase() throws {
        // printf %s sixteen-letters! | sha256sum
        let digits = try hex("sixteen-letters!")
        for text in [digits, digits.uppercased()] {
            let token = try AccessToken(hash: text)
            #expect(token == (try AccessToken("sixteen-letters!")))
            #expect(token.matches("sixteen-letters!") && !token.matches("sixteen-letters?") && !token.matches(digits))
        }
        // One that is too short to be a token opens nothing, also as a hash.
        #expect(!(try AccessToken(hash: try hex("short"))).matches("short"))
    }

    /// The hash as another program computes it; the tests of the command compare with `sha256sum` itself.
    private func hex(_ text: String) throws -> String {
        let known = [
            "sixteen-letters!": "e178cfa9fadaf72ddef299ee2db3c05d7be0a6a6049afb2b153b5fbf136c472d",
            "short": "f9b0078b5df596d2ea19010c001bbd009e651de2c57e8fb7e355f31eb9d3f739",
        ]
        return try #require(known[text])
    }

    /// No problem shows a line's text: it may be a token in the wrong place.
    private func expect(_ expected: [(Int?, String)], in text: String, sourceLocation: SourceLocation = #_sourceLocation) {
        let thrown = #expect(throws: Problems.self, sourceLocation: sourceLocation) { try TokenFile.parse(text, file: "tokens") }
        let problems = thrown?.problems ?? []
        #expect(problems.map(\.line) == expected.map(\.0), "\(problems)", sourceLocation: sourceLocation)
        for (problem, (_, words)) in zip(problems, expected) {
            #expect(problem.message.contains(words), "\(problem)", sourceLocation: sourceLocation)
            #expect(problem.hint != nil && problem.file == "tokens", sourceLocation: sourceLocation)
            #expect(
                !problem.description.contains("horse") && !problem.description.contains(Self.empty.prefix(8)),
                sourceLocation: sourceLocation
            )
        }
    }
}
