import ConvoyFleet
import ConvoyRun
import Foundation
import TestSupport
import Testing

/// `convoy schema`, `convoy explain` and `convoy help fleet-file` as a program.
struct ReferenceCommandTests {
    @Test func everySchemaOfTheDocumentationIsInTheProgram() async throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: "\(repositoryRoot)/docs/schemas").sorted()
        let list = try await runConvoy(["schema"])
        #expect(list.exitCode == 0)
        let names = list.standardOutput.split(separator: "\n").dropFirst().compactMap { $0.split(separator: " ").first }
        #expect(names.first == "fleet")
        #expect(names.map { "\($0)-1.json" }.sorted() == files)
        for name in names {
            let schema = try await runConvoy(["schema", String(name)])
            #expect(schema.exitCode == 0)
            #expect(schema.standardOutput == (try String(contentsOfFile: "\(repositoryRoot)/docs/schemas/\(name)-1.json", encoding: .utf8)))
        }
    }

    @Test(arguments: ["report", "report-1", "report-1.json", "convoy.report/1"])
    func aSchemaHasSeveralNames(_ name: String) async throws {
        let result = try await runConvoy(["schema", name])
        #expect(result.standardOutput.contains("\"title\": \"convoy.report/1\""))
    }

    @Test(arguments: [("reprot", "did you mean `convoy schema report`?"), ("zzzzzzzz", "`convoy schema` lists them"), ("", "lists them")])
    func anUnknownSchemaIsReportedWithTheNearest(_ name: String, _ hint: String) async throws {
        let result = try await runConvoy(["schema", name])
        #expect(result.exitCode == 64)
        #expect(result.standardOutput == "")
        #expect(result.standardError.contains(hint), "\(result.standardError)")
    }

    @Test(
        arguments: [
            (
                "lock-busy",
                """
                lock-busy: outcome
                  another session held a lock for too long
                  it is a failure: stop rules and `on_failure` count it, and the exit code is not 0

                """
            ),
            ("69", "69: exit code\n  no instance could be reached\n"),
            (
                "40P01",
                """
                40P01: SQLSTATE
                  this session and another waited for each other's locks, and the server ended this one
                  advice: run the command again; if it happens again, stop TeslaMate during the run

                """
            ),
            (
                "rollout.waves.gate.soak",
                """
                rollout.waves[].gate.soak: key of the fleet file
                  how long everything below must hold
                  value: duration
                  default: 0s

                """
            ),
            ("nothing_reached", "nothing_reached: halt reason\n  no instance of a wave that guards the next one could be reached\n"),
            ("approved", "approved: event\n  an operator approved a gate\n"),
            (
                "cohort",
                """
                cohort: term
                  instances with the same newest version and the same schema, whatever rows they hold
                  more: `convoy help drift`

                """
            ),
        ]
    )
    func aWordIsExplained(_ word: String, _ expected: String) async throws {
        let result = try await runConvoy(["explain", word])
        #expect(result.standardOutput == expected)
        #expect(result.standardError == "")
        #expect(result.exitCode == 0)
    }

    @Test(arguments: [
        ("on_failure", ["on_failure: halt reason\n", "rollout.waves[].on_failure: key of the fleet file\n"]),
        ("timeout", ["rollout.hooks.timeout: key", "notifications[].timeout: key"]),
        ("57014", ["57014: SQLSTATE (where the message contains “statement timeout”)", "57014: SQLSTATE\n"]),
        ("gate", ["gate: halt reason", "rollout.waves[].gate: key"]),
        ("provision", ["provision: term\n", "servers.NAME.provision: key of the fleet file\n"]),
        ("checkpoint", ["checkpoint: term\n", "checkpoint: key of the fleet file\n"]),
    ])
    func aWordWithSeveralMeaningsGetsAllOfThem(_ word: String, _ expected: [String]) async throws {
        let result = try await runConvoy(["explain", word])
        #expect(result.exitCode == 0)
        for text in expected { #expect(result.standardOutput.contains(text), "\(result.standardOutput)") }
    }

    @Test func everyOutcomeEventAndKeyIsExplained() async throws {
        let file = try Data(contentsOf: URL(fileURLWithPath: "\(repositoryRoot)/docs/schemas/fleet-1.json"))
        let keys = FleetFileKey.all(inSchema: Array(file)).filter { $0.path.hasPrefix("rollout") }
        let words =
            Outcome.allCases.map(\.rawValue) + EventType.allCases.map(\.rawValue) + HaltRule.allCases.map(\.rawValue) + keys.map(\.path)
        #expect(words.count > 90)
        for word in words {
            let result = try await runConvoy(["explain", word])
            #expect(result.exitCode == 0, "\(word)")
            #expect(result.standardOutput.contains("\(word): "), "\(word)")
        }
    }

    @Test(arguments: [
        ("lokc-busy", "`convoy explain lock-busy`"), ("lock_wiat", "`convoy explain lock_wait`"), ("zzzzzzzzzzzz", "`convoy help explain`"),
        ("", "`convoy help explain`"),
    ])
    func anUnknownWordIsReportedWithTheNearest(_ word: String, _ hint: String) async throws {
        let result = try await runConvoy(["explain", word])
        #expect(result.exitCode == 64)
        #expect(result.standardOutput == "")
        #expect(result.standardError.contains(hint), "\(result.standardError)")
    }

    @Test func theHelpOfTheFleetFileListsEveryKey() async throws {
        let result = try await runConvoy(["help", "fleet-file"])
        #expect(result.exitCode == 0)
        let file = try Data(contentsOf: URL(fileURLWithPath: "\(repositoryRoot)/docs/schemas/fleet-1.json"))
        let lines = result.standardOutput.components(separatedBy: "\n")
        for key in FleetFileKey.all(inSchema: Array(file)) {
            #expect(lines.contains(key.path), "\(key.path)")
        }
        for line in lines { #expect(line.count <= 80, "\(line)") }
    }
}
