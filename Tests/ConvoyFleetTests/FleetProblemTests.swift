import ConvoyFleet
import ConvoyText
import Testing

@Suite("Problems of a fleet file")
struct FleetProblemTests {
    @Test(arguments: ProblemCase.syntax + ProblemCase.bytes)
    func `what is no YAML, or more than it shows, is refused with its place`(_ file: ProblemCase) {
        #expect(file.actual() == file.told)
    }

    @Test(arguments: ProblemCase.instances + ProblemCase.servers + ProblemCase.provision)
    func `every mistake in servers and instances is told at once`(_ file: ProblemCase) {
        #expect(file.actual() == file.told)
    }

    @Test(arguments: ProblemCase.secrets + ProblemCase.secretCommands + ProblemCase.notifications)
    func `mistakes with secrets are told without them`(_ file: ProblemCase) {
        #expect(file.actual() == file.told)
    }

    @Test(arguments: ProblemCase.rollout + ProblemCase.gates)
    func `every mistake in a rollout and in discovery is told at once`(_ file: ProblemCase) {
        #expect(file.actual() == file.told)
    }

    @Test(
        arguments: ProblemCase.syntax + ProblemCase.bytes + ProblemCase.instances + ProblemCase.servers + ProblemCase.secrets
            + ProblemCase.secretCommands + ProblemCase.provision + ProblemCase.rollout + ProblemCase.gates + ProblemCase.notifications
    )
    func `no message shows a piece of a secret`(_ file: ProblemCase) {
        let told = file.actual()
        #expect(!told.contains("hun"))
        #expect(!told.contains("ter2"))
    }
}

extension ProblemCase {
    /// Files that cannot stand in a Swift source as text.
    static let bytes: [ProblemCase] = [
        ProblemCase(
            "empty",
            [],
            tells: """
                fleet.yaml: error: the file is empty
                    hint: start with the lines “version: 1” and “instances:”
                """
        ),
        ProblemCase(
            "Latin-1",
            Array("version: 1\nfleet: é".utf8) + [0xfc, 0x0a],
            tells: """
                fleet.yaml:2:9: error: the file is not UTF-8
                    hint: save it in UTF-8
                """
        ),
        ProblemCase(
            "UTF-16 with a byte order mark",
            [0xff, 0xfe] + "version: 1\n".utf8.flatMap { [$0, 0] },
            tells: """
                fleet.yaml:1:1: error: the file is not UTF-8
                    hint: save it in UTF-8
                """
        ),
        ProblemCase(
            "byte order mark",
            [0xef, 0xbb, 0xbf] + Array("verson: 1\n".utf8),
            tells: """
                fleet.yaml:1:1: error: the file has no `version`
                    hint: start it with the line “version: 1”
                fleet.yaml:1:1: error: the file lists no instances
                    hint: list them under `instances`, or find them with `discover`
                fleet.yaml:1:1: error: the fleet file has no key `verson`
                    hint: did you mean `version`?
                """
        ),
        ProblemCase(
            "too deep",
            Array("version: 1\nfleet: \(String(repeating: "[", count: 100_000))".utf8),
            tells: "fleet.yaml:2:39: error: the file is nested more than 32 levels deep"
        ),
        ProblemCase(
            "columns count characters",
            Array("version: 1\ninstances: [{name: a, labels: {ä: \"\", ring: \"é x\"}}]\n".utf8),
            tells: """
                fleet.yaml:2:32: error: a label's key is not valid
                    hint: use at most 128 ASCII letters, digits, “.”, “_”, “-” and “/”
                fleet.yaml:2:45: error: label `ring` has a value that no selector can match
                    é x
                    hint: use letters, digits and . _ - / : @ [ ], without spaces
                """
        ),
    ]
}
