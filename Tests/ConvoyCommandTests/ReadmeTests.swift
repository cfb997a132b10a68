import ConvoyRun
import Foundation
import TestSupport
import Testing

@testable import convoy

/// What the README and the other pages promise is what the program does.
@Suite(.timeLimit(.minutes(5))) struct ReadmeTests {
    private let pages: [DocumentationPage]

    init() throws {
        pages = try DocumentationPage.paths.map { try DocumentationPage($0) }
    }

    private func page(_ path: String) throws -> DocumentationPage {
        try #require(pages.first { $0.path == path }, "there is no page \(path)")
    }

    // MARK: Pages

    @Test func itSaysThatItIsUnofficial() throws {
        let disclaimer =
            "This project is an unofficial community tool and is not affiliated with, endorsed by, or supported by the official TeslaMate project."
        #expect(try page("README.md").text.contains("\n\(disclaimer)\n"))
    }

    @Test func theREADMEIsShortAndLeadsToEveryPage() throws {
        let readme = try page("README.md")
        #expect(readme.text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().count <= 150)
        for page in pages where page.path.hasPrefix("docs/") { #expect(readme.links.contains(page.path), "\(page.path)") }
    }

    /// A heading, then a sentence that says what the page is for.
    @Test func everyPageSaysWhatItIsFor() {
        for page in pages where page.path.hasPrefix("docs/") {
            let lines = page.text.components(separatedBy: "\n")
            #expect(lines.first?.hasPrefix("# ") == true && lines.dropFirst().first == "", "\(page.path)")
            #expect(lines.dropFirst(2).first?.hasPrefix("This page ") == true, "\(page.path)")
        }
    }

    @Test func everyLinkLeadsSomewhere() throws {
        let root = URL(fileURLWithPath: repositoryRoot)
        for page in pages {
            for link in page.links where !link.contains("://") {
                let parts = link.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
                var target = page.path
                if let path = parts.first, !path.isEmpty {
                    let folder = root.appending(path: page.path).deletingLastPathComponent()
                    let file = folder.appending(path: String(path)).standardizedFileURL.path
                    #expect(FileManager.default.fileExists(atPath: file), "\(page.path): \(link)")
                    target = String(file.dropFirst(root.standardizedFileURL.path.count + 1))
                }
                guard parts.count == 2 else { continue }
                #expect(try self.page(target).anchors.contains(String(parts[1])), "\(page.path): \(link)")
            }
        }
    }

    /// A type or a module that is renamed or gone must not live on in prose. Each has a file, or a folder, of its name.
    @Test func theTypesThatAreNamedExist() throws {
        var names: Set<String> = []
        for folder in ["Sources", "Tests"] {
            let files = try #require(FileManager.default.enumerator(atPath: "\(repositoryRoot)/\(folder)"))
            for case let file as String in files {
                let name = file.split(separator: "/").last.map { $0.prefix { $0 != "." && $0 != "+" } } ?? ""
                names.insert(String(name))
            }
        }
        for path in ["ARCHITECTURE.md", "CONTRIBUTING.md"] {
            let code = try page(path).code.filter { $0.wholeMatch(of: /[A-Z][A-Za-z]*[a-z][A-Z][A-Za-z]{2,}/) != nil }
            #expect(code.count > 5, "\(path)")
            #expect(code.subtracting(names).sorted() == [], "\(path)")
        }
    }

    // MARK: Commands

    /// Each block in a folder of its own, with the fleet file of the repository and a server that refuses.
    @Test(arguments: DocumentationPage.paths) func everyCommandIsOneThatTheProgramUnderstands(_ path: String) async throws {
        let page = try page(path)
        let port = try RefusedPort()
        let environment = [
            "CONVOY": try convoyPath(), "CONVOY_DEMO_HOST": "127.0.0.1", "CONVOY_DEMO_PORT": "\(port.port)", "CONVOY_DEMO_KEY": "k",
        ]
        for block in page.blocks where block.language == "console" {
            let commands = block.lines.filter { $0.hasPrefix("$ convoy ") }
            guard !commands.isEmpty else { continue }
            try await withTemporaryFolder { folder in
                for name in ["fleet.yaml", "Migrations"] {
                    try FileManager.default.copyItem(atPath: "\(repositoryRoot)/\(name)", toPath: "\(folder)/\(name)")
                }
                for command in commands {
                    let words = Self.words(of: command)
                    let process = try ChildProcess(
                        "/bin/bash",
                        ["-c", "\"$CONVOY\" \(words.joined(separator: " "))"],
                        environment: environment,
                        in: folder,
                        timeLimit: .seconds(60)
                    )
                    let end = await process.wait()
                    #expect(end.status == .exited(Self.exitCode(of: words)), "\(page.path): \(command): \(end.standardError)")
                    // So begins what the parser of the command line says about words that it does not know.
                    #expect(!end.standardError.contains("Usage: "), "\(page.path): \(command): \(end.standardError)")
                }
            }
        }
    }

    @Test func thereAreCommandsToTry() throws {
        let counts = ["README.md": 8, "docs/runs.md": 8, "docs/reports.md": 8, "Migrations/README.md": 6]
        for (path, count) in counts {
            let lines = try page(path).blocks("console").flatMap { $0.components(separatedBy: "\n") }
            #expect(lines.count { $0.hasPrefix("$ convoy ") } >= count, "\(path)")
        }
    }

    @Test func everyCommandIsDocumented() async throws {
        let help = try await runConvoy(["--help"]).standardOutput
        let list = try #require(help.components(separatedBy: "SUBCOMMANDS:\n").last?.components(separatedBy: "\n\n").first)
        let names = list.components(separatedBy: "\n").filter { $0.hasPrefix("  ") && !$0.hasPrefix("   ") }.compactMap {
            $0.split(separator: " ").first
        }
        #expect(names.count >= 15)
        let text = pages.map(\.text).joined()
        for name in names { #expect(text.contains("convoy \(name)"), "\(name)") }
    }

    /// The words of a command line, without its comment and with the answer to its question.
    private static func words(of command: String) -> [String] {
        let line = command.dropFirst("$ convoy ".count).components(separatedBy: " #")[0]
        let words = line.components(separatedBy: " ").filter { !$0.isEmpty }
        let asks =
            ["migrate", "rollback", "resume", "baseline", "repair", "provision"].contains(words.first) && !words.contains("--yes")
            && !words.contains("--dry-run")
        return words + (asks ? ["--yes"] : [])
    }

    /// How a command ends that the program understands, where the server refuses and the journal has no run that it could be about.
    private static func exitCode(of words: [String]) -> Int32 {
        switch words.first {
        case "new" where words.contains("--from-database"): 69
        case "validate", "help", "new", "schema", "explain", "history": 0
        case "runs": words.dropFirst().first.map { ["show", "compare", "prune"].contains($0) } == true ? 64 : 0
        case "report", "status": 69
        case _ where ["--run", "--failed", "--failed-in", "--outcome"].contains(where: words.contains): 64
        case "approve", "pause", "unpause", "stop", "resume", "abandon", "top", "wait": 64
        default: 69
        }
    }

    // MARK: Examples

    /// The programs that the examples' secret commands, hooks and gates name.
    private static let programs = ["docker", "ok-to-go-on", "vault", "sops", "aws", "gcloud", "az"]

    /// Validates a fleet file beside the repository's migration set.
    private func validate(_ fleet: String, _ files: [String: String] = [:], in page: DocumentationPage) async throws {
        var programs: [String: String] = [:]
        for program in Self.programs { programs["bin/\(program)"] = "#!/bin/sh\n" }
        try await withTemporaryFolder(files: programs) { folder in
            for program in Self.programs {
                try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: "\(folder)/bin/\(program)")
            }
            try FileManager.default.copyItem(atPath: "\(repositoryRoot)/Migrations", toPath: "\(folder)/Migrations")
            // It ends below the migration of the page, which `convoy validate` would say.
            try FileManager.default.removeItem(atPath: "\(folder)/Migrations/catalogue")
            for (path, text) in files.merging(["fleet.yaml": fleet, "alice.key": "k"], uniquingKeysWith: { $1 }) {
                try writeFile("\(folder)/\(path)", text)
            }
            let environment = [
                "CONVOY_CONTROL_URL": "postgresql://convoy@db-1/convoy", "EU1_PASSWORD": "p",
                "BOB_URL": "postgres://teslamate@db-2.internal/teslamate", "HOOK_URL": "https://hooks.internal/T0",
                "OPS_TOKEN": "t", "PATH": "\(folder)/bin:/usr/bin:/bin",
            ]
            let result = try await runConvoy(["validate"], environment: environment, in: folder)
            #expect(result.standardError == "", "\(page.path)")
            #expect(result.exitCode == 0, "\(page.path)")
        }
    }

    /// A fleet file without sections that matter here.
    private static let smallFleet = "version: 1\ninstances: [{name: alice, host: localhost, database: teslamate_alice}]\n"

    /// A block that is only a part of a fleet file gets the rest.
    @Test func theFleetFilesAreValid() async throws {
        #expect(try page("docs/fleet-file.md").blocks("yaml").first?.hasPrefix("version: 1\n") == true)
        for page in pages {
            for yaml in page.blocks("yaml") {
                try await validate(yaml.hasPrefix("version:") ? yaml : Self.smallFleet + yaml, in: page)
            }
        }
    }

    @Test func theMigrationsAndChecksAreValid() async throws {
        #expect(try page("docs/migration-files.md").blocks("sql").count >= 2)
        for page in pages {
            for sql in page.blocks("sql") {
                if sql.contains("-- migrate:up") {
                    try await validate(Self.smallFleet, ["Migrations/20991231000000_example.sql": sql], in: page)
                } else if sql.contains("-- convoy:if-") {
                    let migration = "-- migrate:up\nSELECT 1;\n-- migrate:down\n"
                    let files = ["Migrations/20991231000000_example.sql": migration, "Migrations/checks/20991231000000.sql": sql]
                    try await validate(Self.smallFleet, files, in: page)
                }
            }
        }
    }

    // MARK: Tables

    @Test func theExitCodesAreThoseOfTheHelp() async throws {
        let documented = try page("docs/exit-codes.md").firstColumn(of: "## Exit codes").compactMap { Int($0) }
        let help = try await runConvoy(["--help"]).standardOutput
        let section = try #require(help.components(separatedBy: "Exit codes:").last?.components(separatedBy: "USAGE").first)
        let helped = section.components(separatedBy: "\n").compactMap { line in line.split(separator: " ").first.flatMap { Int($0) } }
        #expect(documented == [0, 1, 2, 3, 64, 69, 75, 78, 130])
        #expect(helped == documented)
    }

    @Test func theMeaningsAreThoseOfTheProgram() throws {
        let page = try page("docs/exit-codes.md")
        for code in CommandExit.allCases {
            #expect(page.prose.contains("| \(code.rawValue) | \(code.meaning) |"), "\(code.rawValue)")
        }
        for outcome in Outcome.allCases {
            // The page may add a link.
            #expect(page.prose.contains { $0.hasPrefix("| `\(outcome.rawValue)` | \(outcome.meaning)") }, "\(outcome.rawValue)")
        }
    }

    /// The program lists them for one that it does not know.
    @Test func theOutcomesAreThoseOfTheProgram() async throws {
        let documented = try page("docs/exit-codes.md").firstColumn(of: "## Outcomes")
        let message = try await runConvoy(["status", "--outcome", "nonsense"]).standardError
        #expect(documented.count == 18)
        #expect(message.components(separatedBy: "\n").first?.hasSuffix(": \(documented.joined(separator: ", "))") == true, "\(message)")
    }
}
