import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import ConvoyText
import Testing

@Suite("Names are bytes")
struct NameTests {
    private static let composed = "M\u{fc}ller"
    private static let decomposed = "Mu\u{308}ller"

    @Test func `texts that only look the same are two`() {
        #expect(Self.composed == Self.decomposed)
        #expect(ExactText(Self.composed) != ExactText(Self.decomposed))
        #expect(Set([Self.composed, Self.decomposed, "Maier"].map(ExactText.init)).count == 3)
        #expect(ExactText("a") < ExactText("ab"))
    }

    @Test(arguments: [
        ("M\u{fc}ller", true), ("Mu\u{308}ller", false), ("plain", true), ("\u{212b}", false), ("\u{1100}\u{1161}", false), ("каша", true),
        ("q\u{308}", true), ("a\u{300}\u{5ae}", false), ("\u{ac00}", true),
    ])
    func `a normal form has one spelling`(_ text: String, _ isNormal: Bool) {
        #expect(text.isInNormalForm == isNormal)
        #expect(text.writtenInASCII.utf8.allSatisfy { $0 < 0x80 })
    }

    private func fleet(_ entries: String, _ instances: String = "") throws -> Fleet {
        let file = """
            version: 1
            servers: {s: {host: h}}
            instances: [\(instances)]
            discover: [\(entries)]
            """
        return try FleetFile.read(Array(file.utf8), file: "fleet.yaml", environment: [:])
    }

    @Test func `two databases whose names look alike are two instances, and one is called otherwise`() throws {
        let fleet = try fleet("{server: s, databases: \"*\"}")
        let sorted = fleet.discoveries[0].sorted([Self.decomposed, Self.composed, "Maier"])
        let merged = try fleet.merging([(fleet.discoveries[0], sorted.instances)])
        #expect(merged.map { ExactText($0.name) } == ["Mu\\u{308}ller", Self.composed, "Maier"].map(ExactText.init))
        #expect(merged.map { ExactText($0.database) } == [Self.decomposed, Self.composed, "Maier"].map(ExactText.init))
        #expect(Set(merged.map(\.name)).count == 3)
        #expect(
            sorted.warnings("f").map(\.description) == [
                """
                f:4: warning: database “\(Self.decomposed)” of server `s` looks like one with other characters in its name
                    hint: its instance is called "Mu\\\\u{308}ller" here; under `instances` it can have another `name`
                """
            ]
        )
    }

    @Test func `a listed database does not hide the one that looks like it`() throws {
        let fleet = try fleet("{server: s, databases: \"*\"}", "{name: m, server: s, database: \"\(Self.composed)\"}")
        let merged = try fleet.merging([(fleet.discoveries[0], fleet.discoveries[0].instances(among: [Self.decomposed, Self.composed]))])
        #expect(merged.map { ExactText($0.database) } == [Self.composed, Self.decomposed].map(ExactText.init))
    }

    @Test func `listed databases that look alike are not the same database`() throws {
        let fleet = try fleet(
            "{server: s, databases: x}",
            "{name: a, server: s, database: \"\(Self.composed)\"}, {name: b, server: s, database: \"\(Self.decomposed)\"}"
        )
        #expect(fleet.instances.count == 2)
        #expect(fleet.warnings.isEmpty)
    }

    @Test func `labels that look alike are two kinds`() throws {
        let file = """
            version: 1
            instances:
              - {name: a, dbname: a, labels: {town: "\(Self.composed)"}}
              - {name: b, dbname: b, labels: {town: "\(Self.decomposed)"}}
            """
        let instances = try FleetFile.read(Array(file.utf8), file: "f", environment: [:]).instances
        let rollout = Rollout(waves: [Wave(name: "w", selection: .rest, onePer: .label("town"))])
        #expect(rollout.assign(instances).waves.first?.instances.count == 2)
        #expect(try Selector(parsing: "town=\(Self.composed)").matches(instances[0]))
        #expect(try !Selector(parsing: "town=\(Self.composed)").matches(instances[1]))
        #expect(try Selector(parsing: "town!=\(Self.composed)").matches(instances[1]))
        #expect(Glob(Self.composed) != Glob(Self.decomposed))
    }

    @Test(arguments: [
        ("-rf", "begins with “-”, as an option does"), ("--help", "begins with “-”, as an option does"),
        ("-\u{301}rf", "begins with “-”, as an option does"),
        ("@/etc/passwd", "begins with “@”, which programs take for a file to read"),
        ("..", "begins with “.”, as a hidden file or a folder does"), ("a/../b", "contains “/”, as a path does"),
        (" a", "begins with a space"), ("a ", "ends with a space"), ("a\nb", "has the invisible character U+000A at position 2"),
        ("a\r\nb", "has the invisible character U+000D at position 2"), ("a\u{a0}b", "has the invisible character U+00A0 at position 2"),
        ("a\u{200b}", "has the invisible character U+200B at position 2"),
        ("\u{feff}a", "has the invisible character U+FEFF at position 1"),
        ("a\u{202e}b", "has the invisible character U+202E at position 2"),
        ("a\u{3164}", "has the invisible character U+3164 at position 2"),
    ])
    func `a database whose name is none is left out and reported`(_ database: String, _ complaint: String) throws {
        for name in ["{database}", "{server}-{database}"] {
            let fleet = try fleet("{server: s, databases: \"*\", name: \"\(name)\"}")
            let sorted = fleet.discoveries[0].sorted(["plain", database])
            #expect(sorted.instances.map(\.database) == ["plain"])
            #expect(sorted.leftOut.count == 1)
            let warning = try #require(sorted.warnings("f").first)
            #expect(warning.message.hasPrefix("database “"))
            #expect(warning.message.hasSuffix("” of server `s` is left out: its name \(complaint)"))
            // No line break of a tenant's begins a line of ours.
            #expect(!warning.message.unicodeScalars.contains { $0.properties.generalCategory == .control })
            #expect(warning.hint?.contains("`instances`") == true)
        }
    }

    @Test func `thousands of such names are ten warnings and a number`() throws {
        let fleet = try fleet("{server: s, databases: \"*\"}")
        let warnings = fleet.discoveries[0].sorted((0..<5000).map { "-\($0)" }).warnings("f")
        #expect(warnings.count == 11)
        #expect(warnings.last?.message.hasPrefix("5000 databases of server `s` are left out") == true)
    }

    @Test func `a pattern that fits no database is reported with the nearest`() throws {
        let fleet = try fleet("{server: s, databases: \"tm_*\", exclude: [tm_templat, \"x_*\"]}, {server: s, databases: \"tn_anna\"}")
        let databases = ["tm_anna", "tm_template"]
        #expect(
            fleet.discoveries.flatMap { $0.sorted(databases).warnings("f") }.map { "\($0.message); \($0.hint ?? "")" } == [
                "`exclude` has “tm_templat”, which matches no database of server `s`; did you mean “tm_template”?",
                "`exclude` has “x_*”, which matches no database of server `s`; change the pattern, or remove it",
                "`databases` has “tn_anna”, which matches no database of server `s`; did you mean “tm_anna”?",
            ]
        )
    }

    @Test func `braces and dollar signs are found by scalars`() {
        #expect(Placeholders.words(in: "{name}\u{301} {\u{301}server} {database\u{301}}") == ["name"])
        #expect(Placeholders.fill("a{name}\u{301}b") { _ in "x" }.unicodeScalars.elementsEqual("ax\u{301}b".unicodeScalars))
    }
}
