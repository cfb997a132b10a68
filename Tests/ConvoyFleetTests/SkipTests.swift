import ConvoyFleet
import ConvoyText
import Testing

@Suite("Skipped instances and accepted states")
struct SkipTests {
    private func fleet(_ lines: String) throws -> Fleet {
        try FleetFile.read(Array("version: 1\n\(lines)\n".utf8), file: "fleet.yaml", environment: [:])
    }

    private func problems(_ lines: String) -> String { ProblemCase("", "version: 1\n\(lines)", tells: "").actual() }

    @Test func `a reason is kept, and the other instances are there`() throws {
        let fleet = try fleet("instances: [{name: a, skip: \" the car is sold \"}, {name: b, host: h}]")
        #expect(fleet.instances.map(\.skip) == ["the car is sold", nil])
        #expect(fleet.warnings.isEmpty)
    }

    @Test(arguments: ["true", "false", "yes", "\" \"", "No"])
    func `a switch or a blank is not a reason`(_ value: String) {
        #expect(
            problems("instances:\n  - {name: a, skip: \(value)}").hasPrefix(
                "fleet.yaml:3:21: error: `skip` does not say why the instance is skipped\n"
            )
        )
    }

    @Test func `a reason that is missing, empty or too long is refused with its place`() {
        #expect(problems("instances:\n  - {name: a, skip: }").hasPrefix("fleet.yaml:3:15: error: "))
        #expect(problems("instances:\n  - {name: a, skip: \"\"}").hasPrefix("fleet.yaml:3:21: error: `skip` is empty"))
        let long = String(repeating: "x", count: 201)
        #expect(problems("instances:\n  - {name: a, skip: \(long)}").contains("fleet.yaml:3:21: error: `skip` is too long"))
        #expect(problems("instances:\n  - {name: a, skip: \(long.dropLast())}").isEmpty)
    }

    @Test(arguments: ["defaults: {skip: sold}\ninstances: [{name: a}]", "servers: {s: {host: h, skip: moved}}\ninstances: [{name: a}]"])
    func `only an instance can be skipped`(_ lines: String) {
        #expect(problems(lines).contains("has no key `skip`"))
    }

    @Test func `a wave of skipped instances is left out, and is not a mistake`() throws {
        let waves = "rollout: {waves: [{name: canary, select: ring=canary}, {name: named, names: [b]}, {name: rest}]}"
        let fleet = try fleet(
            """
            instances:
              - {name: a, database: a, labels: {ring: canary}, skip: disk is broken}
              - {name: b, database: b, skip: sold}
              - {name: c, database: c}
            \(waves)
            """
        )
        #expect(
            fleet.warnings.map(\.message) == [
                "wave `canary` selects only skipped instances", "wave `named` selects only skipped instances",
            ]
        )
    }

    @Test func `a fleet of skipped instances only is valid`() throws {
        let fleet = try fleet("instances: [{name: a, skip: sold}]\nrollout: {waves: [{name: one, select: name=a}]}")
        #expect(fleet.warnings.isEmpty)
    }

    @Test func `what is missing for the connection of a skipped instance is a warning, and an error where another one needs it`() throws {
        let skipped = "instances:\n  - {name: a, host: h, password: \"${env:A}\", skip: sold}\n"
        let fleet = try fleet(skipped + "  - {name: b, host: h}")
        #expect(fleet.instances.map(\.name) == ["a", "b"])
        #expect(fleet.warnings.map(\.message) == ["environment variable A is not set"])
        let shared = problems(skipped + "  - {name: b, host: h, database: b, password: \"${env:A}\"}")
        #expect(shared.contains("fleet.yaml:3:34: warning: environment variable A is not set"))
        #expect(shared.contains("fleet.yaml:4:47: error: environment variable A is not set"))
        // The name is needed all the same.
        #expect(problems("instances:\n  - {name: \"${env:A}\", skip: sold}").contains("error: environment variable A is not set"))
    }

    @Test func `a listed instance keeps its reason when discovery finds its database`() throws {
        let fleet = try fleet("instances: [{name: sold, host: h, database: teslamate_sold, skip: the car is sold}]")
        let discovery = try #require(
            try self.fleet("servers: {s: {host: h}}\ndiscover: [{server: s, databases: \"*\"}]").discoveries.first
        )
        let found = discovery.instances(among: ["teslamate_sold", "teslamate_kept"])
        let merged = try fleet.merging([(discovery, found)])
        #expect(merged.map(\.name) == ["sold", "teslamate_kept"])
        #expect(merged.map(\.skip) == ["the car is sold", nil])
    }

    @Test func `accept goes from the defaults to a server to an instance`() throws {
        let fleet = try fleet(
            """
            defaults: {accept: [ahead]}
            servers: {strict: {host: h, accept: []}}
            instances: [{name: a, host: x}, {name: b, server: strict, database: b}, {name: c, server: strict, database: c, accept: [ahead]}]
            """
        )
        #expect(fleet.instances.map(\.settings.accepted) == [[.ahead], [], [.ahead]])
    }

    @Test func `an unknown state is refused with the nearest one`() {
        #expect(
            problems("instances:\n  - {name: a, accept: [ahed]}") == """
                fleet.yaml:3:24: error: unknown state in `accept`
                    ahed
                    hint: did you mean `ahead`?
                """
        )
        #expect(problems("instances:\n  - {name: a, accept: ahead}").contains("`accept` must be a list"))
    }
}
