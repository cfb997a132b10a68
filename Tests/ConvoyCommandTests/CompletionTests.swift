import ConvoyFleet
import ConvoyPostgres
import Foundation
import Testing

@testable import convoy

/// What is offered for a command line, without a shell.
struct CompletionTests {
    @Test(
        arguments: [
            (["convoy", "status", "--fleet", "eu.yaml", ""], "eu.yaml"), (["convoy", "status", "-f", "eu.yaml"], "eu.yaml"),
            (["convoy", "status", "--fleet=eu.yaml"], "eu.yaml"), (["convoy", "status", "--fleet", "=", "eu.yaml"], "eu.yaml"),
            (["convoy", "status", "--fleet", "'my fleet.yaml'"], "my fleet.yaml"),
            (["convoy", "status", "-f", "my\\ fleet.yaml"], "my fleet.yaml"),
            (["convoy", "status", "-f", "a.yaml", "-f", "b.yaml"], "b.yaml"), (["convoy", "status", "--fleet"], nil),
            (["convoy", "describe", "--", "--fleet", "x"], nil), (["convoy", "status", "--fleet", ""], nil),
        ] as [([String], String?)]
    )
    func theFleetFileOfALine(_ words: [String], _ expected: String?) {
        #expect(CompletionLine(words: words).value(of: "--fleet", short: "-f") == expected)
    }

    @Test(arguments: [
        ("ring=st", "ring=st"), ("--select=ring=st", "ring=st"), ("--select=", ""), ("--select", "--select"), ("'two words", "two words"),
        ("--select='ring=two w", "ring=two w"), ("-x=1", "-x=1"), ("", ""),
    ]) func theValueThatIsTyped(_ word: String, _ expected: String) {
        #expect(CompletionLine.value(word) == expected)
    }

    private static let instances = [
        instance("alice", server: "eu-1", ["ring": "canary"]), instance("bob", server: "eu-2", ["ring": "stable", "region": "de"]),
        instance("b c", server: "eu-2", ["ring": "two words"]),
    ]

    private static func instance(_ name: String, server: String, _ labels: [String: String]) -> FleetNames.Entry {
        FleetNames.Entry(name: name, server: server, database: "tm_\(name)", labels: labels)
    }

    @Test(
        arguments: [
            ("", ["database=", "name=", "region=", "ring=", "server="]), ("r", ["region=", "ring="]), ("ring", ["ring="]), ("x", []),
            ("ring=", ["ring=canary", "ring=stable", "ring=\"two words\""]), ("ring=c", ["ring=canary"]), ("ring!=s", ["ring!=stable"]),
            ("ring==c", ["ring==canary"]), ("name=b", ["name=bob"]), ("name=\"b", ["name=\"b c\""]), ("server=eu-1", ["server=eu-1"]),
            ("ring=canary,n", ["ring=canary,name="]), ("ring=canary, n", ["ring=canary, name="]),
            ("name=bob,ring=st", ["name=bob,ring=stable"]),
            ("name in (a,b", []), ("name=\"a,b", []), ("nosuch=", []), ("database=tm_a", ["database=tm_alice"]), ("!", []),
            (",", [",database=", ",name=", ",region=", ",ring=", ",server="]),
        ] as [(String, [String])]
    )
    func aSelector(_ beginning: String, _ expected: [String]) {
        let completion = SelectorCompletion(Self.instances, names: Self.instances.map(\.name))
        #expect(completion.candidates(beginning) == expected)
    }
}
