import ConvoyPostgres
import ConvoyText
import Testing

@testable import ConvoyFleet

/// Entries that are added to fleet files of many layouts: every other byte stays, and what cannot be extended safely is refused.
struct FleetFileAdditionTests {
    private static let entry = InstanceEntry(
        name: "zoe",
        server: "eu-1",
        database: "teslamate_zoe",
        user: "teslamate_zoe",
        password: "${file:passwords/zoe}",
        labels: ["ring": "stable", "region": "eu"]
    )

    private func added(_ text: String, _ entries: [InstanceEntry] = [entry]) throws(FleetFileAddition.Refusal) -> String {
        String(decoding: try FleetFileAddition.text(Array(text.utf8), adding: entries, file: "fleet.yaml"), as: UTF8.self)
    }

    private static let lines = """
        - name: zoe
          server: eu-1
          database: teslamate_zoe
          user: teslamate_zoe
          password: ${file:passwords/zoe}
          labels: {region: eu, ring: stable}

        """

    private static func indented(by count: Int, _ newline: String = "\n") -> String {
        lines.split(separator: "\n").map { String(repeating: " ", count: count) + $0 + newline }.joined()
    }

    struct Layout: Sendable, CustomTestStringConvertible {
        var name: String
        /// With `@` where the entry belongs.
        var text: String
        var indentation = 2
        var testDescription: String { name }
    }

    static let layouts = [
        Layout(name: "at the end", text: "version: 1\ninstances:\n  - name: alice\n    server: eu-1\n@"),
        Layout(name: "in the middle", text: "version: 1\ninstances:\n  - {name: alice}\n  - {name: bob}\n@journal: j.sqlite\n"),
        Layout(
            name: "blank lines before the next key",
            text: "instances:\n  - name: alice\n@\n\n# Waves:\nrollout:\n  waves: [{name: all}]\n"
        ),
        Layout(name: "without indentation", text: "instances:\n- name: alice\n  host: h\n@journal: j\n", indentation: 0),
        Layout(name: "deep indentation", text: "instances:\n      - name: alice\n        host: h\n@", indentation: 6),
        Layout(
            name: "a comment that belongs to the last item",
            text: "instances:\n  - name: alice   # the first\n    # host: h\n@  # - name: bob\nfleet: f\n"
        ),
        Layout(
            name: "a folded text",
            text: "instances:\n  - name: alice\n    skip: >\n      the car\n\n      # is no comment here\n      sold\n@fleet: f\n"
        ),
        Layout(name: "braces over two lines", text: "instances:\n  - {name: alice,\n     host: h}\n@fleet: f\n"),
        Layout(name: "a dash on a line of its own", text: "instances:\n  -\n    name: alice\n    labels:\n      a: b\n@fleet: f\n"),
        Layout(name: "a nested list", text: "instances:\n  - name: alice\n    accept_drops:\n    - x\n    - y\n@fleet: f\n"),
        Layout(name: "not ASCII", text: "# für später\nfleet: f\ninstances:\n  - name: alice   # München\n@"),
        Layout(name: "after a byte order mark", text: "\u{FEFF}version: 1\ninstances:\n  - name: alice\n@"),
    ]

    @Test(arguments: layouts) func theEntryFollowsTheLastInstance(_ layout: Layout) throws {
        let text = layout.text.replacing("@", with: "")
        #expect(try added(text) == layout.text.replacing("@", with: Self.indented(by: layout.indentation)))
    }

    @Test func aFileWithoutInstancesGetsTheKey() throws {
        #expect(
            try added("version: 1\nservers: {eu-1: {host: h}}\n") == "version: 1\nservers: {eu-1: {host: h}}\n\ninstances:\n"
                + Self.indented(by: 2)
        )
        #expect(try added("version: 1") == "version: 1\n\ninstances:\n" + Self.indented(by: 2))
    }

    @Test func aLastLineWithoutAnEnd() throws {
        #expect(try added("instances:\n  - name: alice") == "instances:\n  - name: alice\n" + Self.indented(by: 2))
    }

    @Test func linesEndAsTheOthersDo() throws {
        #expect(
            try added("instances:\r\n  - name: alice\r\nfleet: f\r\n")
                == "instances:\r\n  - name: alice\r\n" + Self.indented(by: 2, "\r\n") + "fleet: f\r\n"
        )
        #expect(try added("version: 1\r\n") == "version: 1\r\n\r\ninstances:\r\n" + Self.indented(by: 2, "\r\n"))
    }

    @Test(arguments: [
        ("instances: [{name: alice}]\n", "in brackets"), ("instances: []\n", "empty list"),
        ("instances:\n  [{name: alice},\n   {name: bob}]\nfleet: f\n", "in brackets"),
        ("{version: 1, fleet: f}\n", "safely"), ("version: 1\n...\n", "safely"), ("- 1\n", "is not a mapping"),
        ("a: [\n", "is not valid YAML"),
        // The text's second line has no indentation.
        ("instances:\n  - {name: alice, skip: \"the car\nis sold\"}\nfleet: f\n", "safely"),
        ("fleet: |+\n  f\n\n", "safely"),
    ])
    func whatCannotBeExtendedSafelyIsRefused(_ text: String, _ reason: String) {
        let refusal = #expect(throws: FleetFileAddition.Refusal.self) { try added(text) }
        #expect(refusal?.reason.contains(reason) == true, "\(String(describing: refusal))")
    }

    /// Values that YAML or the fleet file would read as something else.
    @Test(arguments: [
        InstanceEntry(name: "1", server: "2", database: "3"), InstanceEntry(name: "true", server: "no", database: "null"),
        InstanceEntry(name: "a.b-c_d", server: "eu", database: "tm_$x: #y \"z\" 'q' {a}"),
        InstanceEntry(name: "a", server: "eu", database: "d", user: "r: x", labels: ["yes": "1e3", "a/b": "x:y", "c": "[z]"]),
    ])
    func theValuesAreReadAsTheyWere(_ entry: InstanceEntry) throws {
        let text = try added("version: 1\nservers: {\"2\": {host: h}, \"no\": {host: i}, eu: {host: j}}\n", [entry])
        let fleet = try FleetFile.read(Array(text.utf8), file: "fleet.yaml", environment: [:])
        let read = try #require(fleet.instances.first)
        #expect([read.name, read.server, read.database] == [entry.name, entry.server, entry.database])
        #expect(read.labels == entry.labels)
        #expect(read.connection["user"] == entry.user)
    }

    /// A file of the size that a provider of hosting has.
    @Test func manyInstancesTakeNoLongTime() throws {
        var text = "version: 1\nservers: {eu-1: {host: h, user: u}}\ninstances:\n"
        for index in 0..<2_000 { text += "  - name: i\(index)\n    server: eu-1\n    database: d\(index)\n    labels: {ring: stable}\n" }
        let begin = ContinuousClock.now
        let extended = try added(text, (0..<50).map { InstanceEntry(name: "new\($0)", server: "eu-1", database: "new\($0)") })
        #expect(extended.hasPrefix(text) && extended.hasSuffix("  - name: new49\n    server: eu-1\n    database: new49\n"))
        #expect(ContinuousClock.now - begin < .seconds(20))
    }

    /// What a file would say is read without writing it, whatever its layout.
    @Test(arguments: ["instances: [{name: alice, host: h}]\n", "instances: []\n", "", "instances:\n- {name: alice, host: h}\n"])
    func theInstancesAreReadAsIfTheFileHadThem(_ list: String) throws {
        let text = "version: 1\nservers: {eu-1: {host: db, user: u, admin: {user: postgres}}}\n" + list
        let entry = InstanceEntry(name: "zoe", server: "eu-1", database: "d", labels: ["a": "b"])
        let fleet = try FleetFile.read(Array(text.utf8), file: "fleet.yaml", environment: [:], adding: [entry])
        let zoe = try #require(fleet.instances.last)
        #expect(fleet.instances.map(\.name) == (list.contains("alice") ? ["alice", "zoe"] : ["zoe"]))
        #expect(zoe.connection["host"] == "db" && zoe.connection["user"] == "u" && zoe.database == "d" && zoe.labels == ["a": "b"])
        #expect(zoe.admin?["user"] == "postgres")
    }
}
