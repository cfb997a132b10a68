import ConvoyFleet
import ConvoyMigrations
import ConvoyText
import Testing

/// What a fleet file says where not all of it can be read: where the journal is.
struct FleetOutlineTests {
    private func outline(_ text: String, environment: [String: String] = [:]) throws(Problems) -> FleetFile.Outline {
        try FleetFile.outline(Array(text.utf8), file: "eu/fleet.yaml", environment: environment)
    }

    private static let instances =
        "instances:\n  - {name: alice, host: h, database: a, password: \"${env:PASSWORD}\", labels: {ring: canary}}\n"

    @Test(arguments: [
        "version: 1\nfleet: eu\njournal: j.sqlite\nmigrations: M\n\(instances)",
        // A broken rest.
        "version: 1\nfleet: eu\njournal: j.sqlite\nmigrations: M\n\(instances)rollout: {wavs: 3}\nlimits: {total: -1}\n",
        "version: 1\nfleet: eu\njournal: j.sqlite\nmigrations: M\nhello: there\n",
        // No YAML at all below.
        "version: 1\nfleet: eu\njournal: j.sqlite # here\nmigrations: 'M'\ninstances: [{name: alice\n",
        "version: 1\nfleet: \"eu\"\njournal:   j.sqlite\nmigrations: M\n\tdefaults:\n",
    ])
    func theJournalIsFoundWhateverElseIsWrong(_ text: String) throws {
        #expect(throws: Problems.self) { try FleetFile.read(Array(text.utf8), file: "eu/fleet.yaml", environment: [:]) }
        let outline = try outline(text)
        #expect(outline.fleet.name == "eu")
        #expect(outline.fleet.journal == "eu/j.sqlite")
        #expect(outline.fleet.migrations == "eu/M")
        #expect(!outline.problems.isEmpty)
    }

    @Test func instancesAreThereWithoutTheirSecrets() throws {
        let outline = try outline("version: 1\nfleet: eu\n\(Self.instances)")
        #expect(outline.fleet.instances.map(\.name) == ["alice"])
        #expect(outline.fleet.instances.first?.labels == ["ring": "canary"])
        #expect(outline.problems.map(\.severity) == [.error])
        #expect(outline.fleet.journal == "eu/.convoy/journal.sqlite")
    }

    @Test(arguments: [
        // Never another journal than the one that is meant.
        "version: 1\nfleet: eu\njournal: ${env:NOWHERE}\n\(instances)",
        "version: 1\nfleet: eu\njournal: [a]\n\(instances)",
        "version: 1\nfleet: eu\njournal: ${env:NOWHERE}\ninstances: [",
        "version: 1\nfleet: eu\njournal: a\njournal: b\ninstances: [",
        "version: 1\nfleet: eu\njournal: |\n  a\ninstances: [",
        "version: 1\nfleet: a b c\n\(instances)",
        "version: 1\njournal: a\ninstances: [",
        "version: 2\nfleet: eu\n", "[]", "",
    ])
    func whatIsNotKnownIsNotGuessed(_ text: String) {
        #expect(throws: Problems.self) { try outline(text) }
    }

    @Test func theJournalMayComeFromTheEnvironment() throws {
        let outline = try outline("version: 1\nfleet: eu\njournal: ${env:J}\n\(Self.instances)", environment: ["J": "/var/j"])
        #expect(outline.fleet.journal == "/var/j")
    }
}
