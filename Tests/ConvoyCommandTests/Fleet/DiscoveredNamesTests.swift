import Foundation
import TestSupport
import Testing

/// Databases with any name on a real server: each is an instance that can be selected, or is reported as left out.
struct DiscoveredNamesTests {
    /// `{}` stands for what is the server's own in this test.
    private static let odd = ["my {}", "a,{}", "o'{}", "({})", "ü{}", "q\"{}", "b\\{}", "M\u{fc}{}", "Mu\u{308}{}"]
    private static let refused = ["-rf {}", "--help{}", "@/etc/{}", "a\n{}", "a\u{200b}{}", "-\u{301}{}"]

    private func withNames(_ body: (_ folder: String, _ mark: String) async throws -> Void) async throws {
        let server = try await PostgresServer.shared()
        let mark = "x\(UInt32.random(in: 0 ... .max))x"
        let names = (Self.odd + Self.refused).map { $0.replacingOccurrences(of: "{}", with: mark) }
        func quoted(_ name: String) -> String { name.unicodeScalars.reduce(into: "") { $0 += $1 == "\"" ? "\"\"" : String($1) } }
        for name in names { try await server.execute("CREATE DATABASE \"\(quoted(name))\" OWNER teslamate TEMPLATE template0") }
        var files = SmallSet.files
        files["fleet.yaml"] = """
            version: 1
            fleet: test
            servers: {s: {host: \(server.socketFolder), port: \(server.port), user: teslamate, maintenance_database: postgres}}
            discover: [{server: s, databases: "*\(mark)*"}]
            rollout:
              hooks: {before_instance: [/bin/sh, -c, 'printf "%s|" "$@" >> arguments', sh, "{name}", "{database}"]}

            """
        do {
            try await withTemporaryFolder(files: files) { try await body($0, mark) }
        } catch {
            for name in names { try? await server.execute("DROP DATABASE IF EXISTS \"\(quoted(name))\" WITH (FORCE)") }
            throw error
        }
        for name in names { try? await server.execute("DROP DATABASE IF EXISTS \"\(quoted(name))\" WITH (FORCE)") }
    }

    @Test(.timeLimit(.minutes(3)))
    func eachIsSelectedOrLeftOutAndNoneIsAnOptionOfAHook() async throws {
        try await withNames { folder, mark in
            let status = try await runConvoy(["status", "--output", "json"], in: folder)
            // Some are left out, so that not all is well.
            #expect(status.exitCode == 1)
            let instances = try jsonObject(status)["instances"] as? [[String: Any]] ?? []
            let names = instances.compactMap { $0["name"] as? String }
            #expect(names.count == Self.odd.count)
            #expect(Set(names).count == Self.odd.count)
            #expect(status.standardError.components(separatedBy: "is left out: its name").count - 1 == Self.refused.count)
            #expect(status.standardError.contains("“a\\n\(mark)”"))
            #expect(status.standardError.contains("looks like one with other characters"))

            for name in names {
                let quoted = name.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "\"", with: "\\\"")
                let one = try await runConvoy(["status", "--output", "json", "--select", "name=\"\(quoted)\""], in: folder)
                let found = (try jsonObject(one)["instances"] as? [[String: Any]] ?? []).compactMap { $0["name"] as? String }
                #expect(found.count == 1)
                #expect(found.first?.utf8.elementsEqual(name.utf8) == true)
            }

            let migrated = try await runConvoy(["migrate", "--yes", "--output", "json"], in: folder)
            #expect(migrated.exitCode == 1)
            let outcomes = (try jsonObject(migrated)["instances"] as? [[String: Any]] ?? []).compactMap { $0["outcome"] as? String }
            #expect(outcomes == Array(repeating: "migrated", count: Self.odd.count))
            let arguments = try String(contentsOfFile: "\(folder)/arguments", encoding: .utf8).split(separator: "|")
            #expect(arguments.count == 2 * Self.odd.count)
            #expect(!arguments.contains { $0.utf8.first == UInt8(ascii: "-") || $0.utf8.first == UInt8(ascii: "@") })
        }
    }

    @Test(arguments: [
        ["status"], ["plan"], ["migrate", "--yes"], ["rollback", "--steps", "1", "--yes"], ["validate"], ["report", "none"],
    ])
    func aNameThatNoInstanceHasIsAMistake(_ arguments: [String]) async throws {
        try await withTemporaryFolder(files: Files.fleet()) { folder in
            for (selector, words) in [
                ("name in (alice,bobb)", "no instance is called bobb\nhint: did you mean bob?"), ("alice", "did you mean name=alice?"),
                ("rign!=canary", "did you mean ring?"), ("!rign", "did you mean ring?"),
                ("name!=bobb,ring in (canary,beta)", "contains 2 values that no instance has"),
            ] {
                let result = try await runConvoy(arguments + ["--select", selector], in: folder)
                #expect(result.exitCode == 64)
                #expect(result.standardError.contains(words), "\(result.standardError)")
                #expect(result.standardOutput == "")
            }
            let nothing = try await runConvoy(arguments + ["--select", "name=alice,!ring"], in: folder)
            #expect(nothing.exitCode == 64)
            #expect(nothing.standardError.contains("matches none of the 2 instances"))
        }
    }

    @Test func aWaveThatIsNotThereSuggestsTheNearest() async throws {
        try await withTemporaryFolder(files: Files.fleet()) { folder in
            let result = try await runConvoy(["migrate", "--yes", "--wave", "canray"], in: folder)
            #expect(result.exitCode == 64)
            #expect(result.standardError.contains("did you mean canary?"))
            let label = try await runConvoy(["status", "--by", "label.rign"], in: folder)
            #expect(label.exitCode == 64)
            #expect(label.standardError.contains("did you mean ring?"))
        }
    }

    @Test func whatAWaveNamesAndNoInstanceHasIsAProblemOfTheFile() async throws {
        let text = Files.fleetText.replacingOccurrences(of: "select: ring=canary", with: "select: \"name in (alice,bobb)\"")
        try await withTemporaryFolder(files: Files.fleet(text)) { folder in
            let result = try await runConvoy(["validate"], in: folder)
            #expect(result.exitCode == 78)
            #expect(result.standardError.contains("wave `canary`: no instance is called bobb"))
            #expect(result.standardError.contains("did you mean bob?"))
        }
    }
}
