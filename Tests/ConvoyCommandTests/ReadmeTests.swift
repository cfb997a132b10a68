import Foundation
import TestSupport
import Testing

/// What the README promises is what the program does.
struct ReadmeTests {
    private let text: String

    init() throws {
        text = try String(contentsOfFile: "\(repositoryRoot)/README.md", encoding: .utf8)
    }

    /// The blocks fenced with that language, without the fences.
    private func blocks(_ language: String) -> [String] {
        text.components(separatedBy: "```\(language)\n").dropFirst().compactMap { $0.components(separatedBy: "```").first }
    }

    @Test func itSaysThatItIsUnofficial() {
        let disclaimer =
            "This project is an unofficial community tool and is not affiliated with, endorsed by, or supported by the official TeslaMate project."
        #expect(text.contains("\n\(disclaimer)\n"))
    }

    /// On the fleet file at the root, with a server that refuses.
    @Test func everyCommandIsOneThatTheProgramUnderstands() async throws {
        let port = try RefusedPort()
        let environment = ["CONVOY_DEMO_HOST": "127.0.0.1", "CONVOY_DEMO_PORT": "\(port.port)", "CONVOY_DEMO_KEY": "k"]
        var commands = blocks("console").flatMap { $0.components(separatedBy: "\n") }.filter { $0.hasPrefix("$ convoy ") }
        commands.append("$ convoy help migrate")
        #expect(commands.count >= 10)
        for command in commands {
            let asks = command.contains(" migrate") && !command.contains("--yes") && !command.contains("help")
            let line = command.dropFirst("$ convoy".count) + (asks ? " --yes" : "")
            let process = try ChildProcess(
                "/bin/bash",
                ["-c", "\"$CONVOY\"\(line)"],
                environment: environment.merging(["CONVOY": try convoyPath()]) { $1 },
                in: repositoryRoot,
                timeLimit: .seconds(60)
            )
            let end = await process.wait()
            #expect(end.status == .exited(line.contains("validate") || line.contains("help") ? 0 : 69), "\(command): \(end.standardError)")
        }
    }

    @Test func theFleetFileAndTheMigrationAreRight() async throws {
        let yaml = try #require(blocks("yaml").first)
        let sql = try #require(blocks("sql").first)
        var files = ["fleet.yaml": yaml, "alice.key": "k", "Migrations/20270101000000_add_nickname.sql": sql]
        // The programs that its hooks and its gate name.
        for program in ["docker", "ok-to-go-on"] { files["bin/\(program)"] = "#!/bin/sh\n" }
        try await withTemporaryFolder(files: files) { folder in
            for program in ["docker", "ok-to-go-on"] {
                try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: "\(folder)/bin/\(program)")
            }
            let environment = [
                "EU1_PASSWORD": "p", "BOB_URL": "postgres://teslamate@db-2.internal/teslamate", "PATH": "\(folder)/bin:/usr/bin:/bin",
            ]
            let result = try await runConvoy(["validate"], environment: environment, in: folder)
            #expect(result.standardError == "")
            #expect(result.exitCode == 0)
        }
    }

    @Test func theExitCodesAreThoseOfTheHelp() async throws {
        let table = try #require(text.components(separatedBy: "## Exit codes").last)
        let documented = table.components(separatedBy: "\n").prefix(12).compactMap { line in
            line.split(separator: "|").first.flatMap { Int($0.trimmingCharacters(in: .whitespaces)) }
        }
        let help = try await runConvoy(["--help"]).standardOutput
        let section = try #require(help.components(separatedBy: "Exit codes:").last?.components(separatedBy: "USAGE").first)
        let helped = section.components(separatedBy: "\n").compactMap { line in line.split(separator: " ").first.flatMap { Int($0) } }
        #expect(documented == [0, 1, 2, 3, 64, 69, 78, 130])
        #expect(helped == documented)
    }
}
