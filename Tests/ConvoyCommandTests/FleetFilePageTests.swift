import ConvoyFleet
import Foundation
import TestSupport
import Testing

/// The page with every key is made from the schema, and the explaining page agrees with it.
///
/// After a change of the schema, run this suite with `CONVOY_WRITE_GOLDEN=1` to write the page anew.
struct FleetFilePageTests {
    private static let path = "\(repositoryRoot)/docs/fleet-file-keys.md"
    private let keys: [FleetFileKey]

    init() throws {
        let file = try Data(contentsOf: URL(fileURLWithPath: "\(repositoryRoot)/docs/schemas/fleet-1.json"))
        keys = FleetFileKey.all(inSchema: Array(file))
    }

    @Test func thePageOfKeysIsThatOfTheSchema() throws {
        let made = page()
        if ProcessInfo.processInfo.environment["CONVOY_WRITE_GOLDEN"] != nil { try writeFile(Self.path, made, mode: 0o644) }
        #expect(try String(contentsOfFile: Self.path, encoding: .utf8) == made)
    }

    private func page() -> String {
        var page = """
            # Keys of the fleet file

            This page lists every key of the fleet file with its value and its default. It is made from the
            [JSON Schema](schemas/fleet-1.json). [The fleet file](fleet-file.md) explains the keys and how they work
            together. `convoy explain KEY` explains one of them, and `convoy help fleet-file` prints this list.

            `[]` is an entry of a list, and `NAME` is a name of your own. What stands under `defaults` also stands in a
            server, in an instance and in an entry of `discover`, and each of them overrides the one before.

            """
        // Keys of one level stand together, in the order in which the schema has the levels.
        var levels: [(path: String, keys: [FleetFileKey])] = []
        for key in keys {
            let path = key.path.split(separator: ".").dropLast().joined(separator: ".")
            if let index = levels.firstIndex(where: { $0.path == path }) {
                levels[index].keys.append(key)
            } else {
                levels.append((path, [key]))
            }
        }
        for level in levels {
            page += "\n## \(level.path.isEmpty ? "Top level" : "`\(level.path)`")\n\n"
            page += "| key | value | default | meaning |\n| --- | --- | --- | --- |\n"
            for key in level.keys {
                let value = key.defaultValue.map { "`\($0)`" } ?? (key.isRequired ? "required" : "")
                page += "| `\(key.name)` | \(key.type) |\(value.isEmpty ? "" : " \(value)") | \(key.meaning) |\n"
            }
        }
        return page
    }

    /// Where the explaining page has a key in a table with defaults, the default is the schema's.
    @Test func theDefaultsOfTheExplainingPageAreThoseOfTheSchema() throws {
        let page = try DocumentationPage("docs/fleet-file.md")
        let names = Set(keys.map(\.name))
        var compared = 0
        var hasDefaults = false
        for line in page.prose {
            guard line.hasPrefix("| ") else { continue }
            let cells = line.split(separator: "|", omittingEmptySubsequences: false).dropFirst().dropLast().map {
                $0.trimmingCharacters(in: .whitespaces)
            }
            if cells.first?.hasPrefix("key") == true { hasDefaults = cells.dropFirst().first == "default" }
            guard hasDefaults, cells.count == 3, cells[0].hasPrefix("`") else { continue }
            for name in cells[0].matches(of: /`([a-z_]+)`/).map({ String($0.1) }) {
                #expect(names.contains(name), "\(name)")
                let known = Set(keys.filter { $0.name == name }.map { $0.isRequired ? "required" : $0.defaultValue ?? "" })
                let written = cells[1].replacing("`", with: "")
                // Defaults that are no value of the key are words.
                let isWord =
                    ["found", "the server's", "the limits", "every day", "everything"].contains(written) || written.hasPrefix("one wave")
                    || written.hasPrefix("{total")
                #expect(known.contains(written) || isWord && known.contains(""), "\(name): \(written), \(known)")
                compared += 1
            }
        }
        #expect(compared > 40)
    }

    /// Every key stands on the explaining page, a keyword of libpq at least by name.
    @Test func theExplainingPageNamesEveryKey() throws {
        let page = try DocumentationPage("docs/fleet-file.md")
        let notifications = try DocumentationPage("docs/runs.md")
        for key in keys {
            let text = key.path.hasPrefix("notifications") ? notifications.text : page.text
            #expect(text.contains("`\(key.name)`") || text.contains("\(key.name):"), "\(key.path)")
        }
    }
}
