import Foundation
import TestSupport
import Testing

/// What every command tells of instances that nobody answers for.
struct UnreachableTests {
    private let port: RefusedPort
    private let files: [String: String]

    init() throws {
        port = try RefusedPort()
        files = Files.fleet(Files.fleetText.replacingOccurrences(of: "port: 1", with: "port: \(port.port)"))
    }

    @Test(arguments: [
        ["status"], ["status", "--check"], ["plan"], ["migrate", "--dry-run"], ["migrate", "--yes"], ["rollback", "--steps", "1", "--yes"],
    ])
    func allOfThemIsExitCode69(_ arguments: [String]) async throws {
        try await withTemporaryFolder(files: files) { folder in
            let result = try await runConvoy(arguments, in: folder)
            #expect(result.exitCode == 69)
            #expect(result.standardOutput.contains("alice"))
            #expect(result.standardOutput.contains("unreachable"))
            #expect(result.standardOutput.contains("\(port.port)"))
            for text in [result.standardOutput, result.standardError] {
                #expect(!text.contains("s3cret"))
                #expect(!text.contains("\u{1B}"))
            }
        }
    }

    @Test(arguments: [(["status"], "convoy.status/1"), (["plan"], "convoy.plan/1"), (["migrate", "--yes"], "convoy.run/1")])
    func jsonIsAlone(_ arguments: [String], _ schema: String) async throws {
        try await withTemporaryFolder(files: files) { folder in
            let result = try await runConvoy(arguments + ["--output", "json"], in: folder)
            let json = try JSONSerialization.jsonObject(with: Data(result.standardOutput.utf8)) as? [String: Any]
            #expect(json?["schema"] as? String == schema)
            let instances = json?["instances"] as? [[String: Any]]
            #expect(instances?.map { $0["name"] as? String } == ["alice", "bob"])
            #expect(instances?.allSatisfy { $0["outcome"] as? String == "unreachable" } == true)
        }
    }

    @Test func aSelectionTouchesNothingElse() async throws {
        try await withTemporaryFolder(files: files) { folder in
            let result = try await runConvoy(["status", "--select", "!ring"], in: folder)
            #expect(!result.standardOutput.contains("alice"))
            #expect(result.standardOutput.contains("bob"))
        }
    }

    @Test func aWaveAloneSaysWhoIsLeftOut() async throws {
        try await withTemporaryFolder(files: files) { folder in
            let result = try await runConvoy(["migrate", "--yes", "--wave", "canary"], in: folder)
            #expect(result.standardError.contains("in no wave of this run: bob"))
            #expect(!result.standardOutput.contains("bob"))
        }
    }

    @Test func theWidthIsKeptAndColourIsNeverSentToAFile() async throws {
        try await withTemporaryFolder(files: files) { folder in
            let result = try await runConvoy(["status"], environment: ["COLUMNS": "40", "TERM": "xterm-256color"], in: folder)
            let lines = result.standardOutput.split(separator: "\n").prefix(3)
            #expect(lines.allSatisfy { $0.count <= 40 })
            #expect(!result.standardOutput.contains("\u{1B}"))
        }
    }

    @Test func colourIsForTerminalsThatWantIt() async throws {
        try await withTemporaryFolder(files: files) { folder in
            let red = "\u{1B}[31munreachable\u{1B}[0m"
            #expect(try await onTerminal(["status"], in: folder).screen.contains(red))
            for environment in [["NO_COLOR": "1"], ["TERM": "dumb"]] {
                let plain = try await onTerminal(["status"], environment: environment, in: folder)
                #expect(plain.status == .exited(69))
                #expect(plain.screen.contains("unreachable"))
                #expect(!plain.screen.contains("\u{1B}[31m"))
            }
        }
    }

    @Test func theOptionForColorsComesBeforeTerminalAndEnvironment() async throws {
        try await withTemporaryFolder(files: files) { folder in
            let red = "\u{1B}[31munreachable\u{1B}[0m"
            let never = try await onTerminal(["status", "--color", "never"], in: folder)
            #expect(never.screen.contains("unreachable") && !never.screen.contains(red))
            for environment in [[:], ["NO_COLOR": "1", "TERM": "dumb"]] {
                let always = try await runConvoy(["status", "--color", "always"], environment: environment, in: folder)
                #expect(always.standardOutput.contains(red))
                #expect(always.exitCode == 69)
            }
            let file = try await runConvoy(["status", "--color", "always", "--output-file", "status.txt"], in: folder)
            #expect(file.exitCode == 69)
            #expect(try !String(contentsOfFile: "\(folder)/status.txt", encoding: .utf8).contains("\u{1B}"))
            #expect(try await runConvoy(["status", "--color", "red"], in: folder).exitCode == 64)
        }
    }

    @Test func shortOptionsAreTheLongOnes() async throws {
        try await withTemporaryFolder(files: files) { folder in
            let short = try await runConvoy(["migrate", "-y", "-f", "fleet.yaml", "-l", "name=alice", "-o", "csv"], in: folder)
            let long = try await runConvoy(
                ["migrate", "--yes", "--fleet", "fleet.yaml", "--select", "name=alice", "--output", "csv"],
                in: folder
            )
            #expect(short.exitCode == 69 && long.exitCode == 69)
            for result in [short, long] {
                let rows = result.standardOutput.split(separator: "\r\n")
                #expect(rows.count == 2 && rows[1].hasPrefix("alice,"), "\(result.standardOutput)")
            }
        }
    }

    @Test func onADumbTerminalProgressIsPlainLines() async throws {
        try await withTemporaryFolder(files: files) { folder in
            let result = try await onTerminal(["migrate", "--yes"], environment: ["TERM": "dumb"], in: folder)
            #expect(result.screen.contains("wave canary done: 1 unreachable"))
            #expect(!result.screen.contains("\u{1B}"))
        }
    }

    /// A server that accepts and stays silent: the first Ctrl-C ends a command that only looks.
    @Test(arguments: ["status", "plan"])
    func lookingEndsAtOnceWhenInterrupted(_ command: String) async throws {
        let server = try SilentPort()
        let proxy = try FaultProxy(to: .port(server.port))
        let text = Files.fleetText.replacingOccurrences(of: "port: 1", with: "port: \(proxy.port)").replacingOccurrences(
            of: "2s",
            with: "60s"
        )
        try await withTemporaryFolder(files: Files.fleet(text)) { folder in
            let process = try ConvoyProcess([command], in: folder)
            try await eventually("convoy has connected") { proxy.counts.connections > 0 }
            process.interrupt()
            let result = try await process.result()
            #expect(result.exitCode == 130)
            #expect(result.standardError == "interrupted; nothing was changed\n")
            #expect(result.standardOutput == "")
            withExtendedLifetime(server) {}
        }
    }

    @Test func aReaderThatGoesAwayIsNoFailure() async throws {
        try await withTemporaryFolder(files: files) { folder in
            let shell = "\"$CONVOY\" status | true; exit ${PIPESTATUS[0]}"
            let process = try ChildProcess(
                "/bin/bash",
                ["-c", shell],
                environment: ["CONVOY": try convoyPath()],
                in: folder,
                timeLimit: .seconds(60)
            )
            let end = await process.wait()
            #expect(end.status == .exited(69))
            #expect(end.standardError == "")
        }
    }

    @Test func aFullDiskIsToldAndFails() async throws {
        try await withTemporaryFolder(files: files) { folder in
            let process = try ChildProcess(
                "/bin/bash",
                ["-c", "\"$CONVOY\" status >/dev/full"],
                environment: ["CONVOY": try convoyPath()],
                in: folder,
                timeLimit: .seconds(60)
            )
            let end = await process.wait()
            #expect(end.status == .exited(1))
            #expect(end.standardError.contains("cannot be written"))
        }
    }
}
