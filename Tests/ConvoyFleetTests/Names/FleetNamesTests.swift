import ConvoyText
import FoundationEssentials
import TestSupport
import Testing

@testable import ConvoyFleet

/// The names that are read alone are those of the file that is read as a whole.
@Suite(.timeLimit(.minutes(2))) struct FleetNamesTests {
    private static let environment = ["WORD": "word", "PGDATABASE": "ambient", "PGHOST": "ambient-host"]

    /// A file that is valid, with everything on which a name may depend.
    private struct FleetFileMaker {
        var random: SeededGenerator

        mutating func connection(_ index: Int) -> [String] {
            var keys: [String] = []
            switch random.int(0...7) {
            case 0: keys.append("url: \"postgresql://u\(index)@H\(index).internal:54\(index % 10)2/from_url\"")
            case 1: keys.append("url: host=h\(index) hostaddr=10.0.0.\(index % 200) dbname=d\(index) user=u")
            case 2: keys += ["host: h\(random.int(1...3))", "database: db\(index)"]
            case 3: keys += ["hostaddr: 10.0.0.\(index % 200)", "port: \(random.int(5000...6000))", "dbname: \"db \(index)\""]
            case 4: keys.append("service: service\(random.int(1...2))")
            case 5: keys += ["database: \"${env:WORD}_\(index)\"", "host: \"${env:NONE:-fallback}\(random.int(1...3))\""]
            case 6: keys += ["url: \"postgresql://u@h/url\"", "host: beside\(random.int(1...3))", "database: beside_\(index)"]
            default: keys.append("user: role\(index)")
            }
            if random.once(in: 3) { keys.append("labels: {ring: r\(random.int(1...3)), \"k/\(random.int(1...2))\": \"${env:WORD}\"}") }
            if random.once(in: 3) { keys.append("password: hunter2") }
            if random.once(in: 4) { keys.append("lock_wait: 3s") }
            if random.once(in: 4) { keys.append("secrets: {k: v}") }
            return keys.shuffled(using: &random)
        }

        mutating func file() -> String {
            var lines = ["version: 1"]
            if random.once(in: 2) { lines.append("fleet: fleet-${env:WORD}") }
            if random.once(in: 2) { lines.append("journal: \"some where/journal.sqlite\"") }
            if random.once(in: 2) { lines.append("migrations: /sets/one") }
            if random.once(in: 2) { lines.append("defaults: {\(connection(0).joined(separator: ", "))}") }
            let servers = random.int(0...3)
            if servers > 0 { lines.append("servers:") }
            for server in 0..<servers {
                lines.append("  s\(server): {\((connection(server) + ["max_connections: 3"]).joined(separator: ", "))}")
            }
            lines.append("instances:")
            for index in 1...random.int(1...12) {
                var keys = connection(index) + ["name: i\(index)"]
                if servers > 0, random.once(in: 2) { keys.append("server: s\(random.int(0...(servers - 1)))") }
                if random.once(in: 5) { keys.append("skip: sold") }
                if random.once(in: 2) {
                    lines.append("  - {\(keys.shuffled(using: &random).joined(separator: ", "))}")
                } else {
                    lines.append("  - " + keys.shuffled(using: &random).joined(separator: "\n    "))
                }
            }
            if servers > 0, random.once(in: 2) {
                lines.append("discover: [{server: s0, databases: \"x_*\"}, {server: s0, databases: \"y_*\"}]")
            }
            if random.once(in: 2) {
                lines.append("rollout: {checks: [{name: c, sql: SELECT true}], waves: [{name: one, count: 1}, {name: rest, rest: true}]}")
            }
            return lines.joined(separator: "\n") + "\n"
        }
    }

    @Test func areThoseOfTheWholeReading() throws {
        var (compared, seed) = (0, UInt64(0))
        while compared < 150, seed < 3000 {
            seed += 1
            var maker = FleetFileMaker(random: SeededGenerator(seed: seed))
            let text = maker.file()
            // Some name one database twice, which is an error.
            guard let fleet = try? FleetFile.read(Array(text.utf8), file: "dir/fleet.yaml", environment: Self.environment) else { continue }
            compared += 1
            let names = FleetNames.read(Array(text.utf8), file: "dir/fleet.yaml", environment: Self.environment)
            #expect(names == FleetNames(fleet), "seed \(seed): \(text)")
        }
        #expect(compared >= 150)
    }

    @Test func aPartIsReadAlone() throws {
        let text = """
            version: 1
            secret_commands: {vault: {run: [vault, "{key}"]}}
            servers: {s: {host: h, password: "${command:vault:s}"}}
            instances: [{name: a, server: s, database: d, labels: {ring: x}}]
            rollout: {waves: [{name: one, rest: true}]}
            """
        func names(_ parts: FleetNames.Parts) -> FleetNames? {
            FleetNames.read(Array(text.utf8), file: "fleet.yaml", environment: [:], parts: parts)
        }
        #expect(names(.names)?.instances.map(\.name) == ["a"])
        #expect(names(.names)?.waves == [])
        #expect(names(.waves)?.waves == ["one"])
        #expect(names(.waves)?.instances == [])
        #expect(names(.places)?.instances.map(\.server) == ["s"])
        #expect(names(.all)?.instances == [FleetNames.Entry(name: "a", server: "s", database: "d", labels: ["ring": "x"])])
    }

    /// What it cannot read alone is read as a whole, as far as that is possible.
    @Test(
        arguments: [
            ("version: 2\ninstances: [{name: a}]", nil), ("", nil), ("- a", nil),
            ("version: 1\njournal: ${env:NONE}\ninstances: [{name: a}]", nil),
            ("version: 1\ninstances: {name: a}", []), ("version: 1\ninstances: [a, {name: b, database: b}, {name: [c]}, [], null]", ["b"]),
            ("version: 1\ninstances: [{name: a, database: &x a}]", ["a"]), ("version: 1\nfleet: f\ninstances: [{name: a\n", []),
            ("version: 1\nfleet: f\ninstances: *x\n", []),
            ("version: 1\ninstances: [{name: a, password: \"${env:NONE}\", database: a}]", ["a"]),
            ("version: 1\ninstances:\n- {name: a, database: a}\nlimits: {total: many}", ["a"]),
        ] as [(String, [String]?)]
    ) func anOddFileIsNoFailure(_ text: String, _ expected: [String]?) async throws {
        try await withTemporaryFolder(files: ["fleet.yaml": text]) { folder in
            #expect(FleetNames.load(path: "\(folder)/fleet.yaml", environment: [:])?.instances.map(\.name) == expected)
        }
    }

    @Test(arguments: 0..<200) func noBytesAreAFailure(_ seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        var maker = FleetFileMaker(random: SeededGenerator(seed: UInt64(seed)))
        var bytes = Array(maker.file().utf8)
        for _ in 0..<random.int(1...8) { bytes[random.int(0...(bytes.count - 1))] = UInt8(random.int(0...255)) }
        _ = FleetNames.read(bytes, file: "fleet.yaml", environment: [:])
        _ = FleetNames.read(Array(bytes.prefix(random.int(0...bytes.count))), file: "fleet.yaml", environment: [:])
    }
}
