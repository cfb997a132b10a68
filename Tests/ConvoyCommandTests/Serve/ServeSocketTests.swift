import ConvoyJournal
import ConvoyRun
import Foundation
import Glibc
import TestSupport
import Testing

/// `convoy serve` on a Unix socket, its own and one of systemd.
@Suite(.timeLimit(.minutes(5)))
struct ServeSocketTests {
    private static let token = ServedDashboard.token
    private static let bearer = ["-H", "Authorization: Bearer \(token)"]
    private static let activate = "/usr/bin/systemd-socket-activate"
    private static let canActivate = access(activate, X_OK) == 0 || ProcessInfo.processInfo.environment["CI"] != nil

    private func ask(_ path: String, _ arguments: [String] = [], socket: String = "serve.sock", in folder: String) async throws -> String {
        let said = try await ServedDashboard.run(
            "/usr/bin/curl",
            ["-sS", "-i", "--max-time", "60", "--unix-socket", socket] + arguments + ["http://localhost\(path)"],
            in: folder
        )
        return said.output + said.error
    }

    /// The rights of a socket's file; nil if there is no socket of that name.
    private func mode(_ path: String) -> Int? {
        guard let attributes = try? FileManager.default.attributesOfItem(atPath: path),
            attributes[.type] as? FileAttributeType == .typeSocket
        else { return nil }
        return (attributes[.posixPermissions] as? NSNumber)?.intValue
    }

    @Test(arguments: ["022", "077", "000"])
    func itServesTheUserAndTheGroup(umask: String) async throws {
        try await withTemporaryFolder(files: Files.fleet()) { folder in
            let program = "/bin/sh"
            let script = "umask \(umask) && exec \"$0\" \"$@\" --socket serve.sock"
            let process = try ConvoyProcess(
                ["-c", script, try convoyPath(), "serve"],
                program: program,
                environment: ["CONVOY_TOKEN": Self.token],
                in: folder
            )
            process.closeInput()
            #expect(await process.wait { $0.standardOutput.contains("\n") }.standardOutput == "listening on unix:serve.sock\n")
            #expect(mode("\(folder)/serve.sock") == 0o660)
            #expect(try await ask("/healthz", in: folder).hasPrefix("HTTP/1.1 200"))
            // That a client may connect does not make it a reader.
            #expect(try await ask("/api/v1/fleet", in: folder).hasPrefix("HTTP/1.1 401"))
            #expect(try await ask("/api/v1/fleet", ["-H", "Authorization: Bearer wrong"], in: folder).hasPrefix("HTTP/1.1 401"))
            #expect(try await ask("/api/v1/fleet", Self.bearer, in: folder).hasPrefix("HTTP/1.1 200"))
            #expect(try await ask("/healthz", ["-H", "Host: evil.example"], in: folder).hasPrefix("HTTP/1.1 421"))
            process.terminate()
            let end = try await process.result()
            #expect(end.exitCode == 0 && end.standardError == "", "\(end.standardError)")
            #expect(mode("\(folder)/serve.sock") == nil)
        }
    }

    @Test func theSocketOfADeadProcessIsReplacedAndOfALivingOneNot() async throws {
        try await withTemporaryFolder(files: Files.fleet()) { folder in
            let first = try await ServedDashboard.start(["--socket", "serve.sock"], in: folder)
            let second = try await runConvoy(["serve", "--socket", "serve.sock"], in: folder)
            #expect(second.exitCode == 1)
            #expect(second.standardError.contains("error: another process listens on serve.sock"), "\(second.standardError)")
            #expect(second.standardError.contains("hint: end that process"))
            // The refused one has not taken the other's socket with it.
            #expect(try await ask("/healthz", in: folder).hasPrefix("HTTP/1.1 200"))
            first.process.kill()
            _ = try? await first.process.result()
            #expect(mode("\(folder)/serve.sock") != nil)
            let third = try await ServedDashboard.start(["--socket", "serve.sock"], in: folder)
            #expect(try await ask("/healthz", in: folder).hasPrefix("HTTP/1.1 200"))
            #expect(try await third.end().exitCode == 0)
            #expect(mode("\(folder)/serve.sock") == nil)
        }
    }

    @Test func whatHasTakenItsPlaceIsNotRemoved() async throws {
        try await withTemporaryFolder(files: Files.fleet()) { folder in
            let first = try await ServedDashboard.start(["--socket", "serve.sock"], in: folder)
            try FileManager.default.removeItem(atPath: "\(folder)/serve.sock")
            let second = try await ServedDashboard.start(["--socket", "serve.sock"], in: folder)
            #expect(try await first.end().exitCode == 0)
            #expect(try await ask("/healthz", in: folder).hasPrefix("HTTP/1.1 200"))
            #expect(try await second.end().exitCode == 0)
        }
    }

    @Test func onlyOneOfManyThatStartTogetherListens() async throws {
        try await withTemporaryFolder(files: Files.fleet()) { folder in
            let dead = try await ServedDashboard.start(["--socket", "serve.sock"], in: folder)
            dead.process.kill()
            _ = try? await dead.process.result()
            let processes = try (0..<6).map { _ in try ConvoyProcess(["serve", "--socket", "serve.sock"], in: folder) }
            for process in processes { process.closeInput() }
            var listening = 0
            for process in processes {
                let said = await process.wait { !$0.standardOutput.isEmpty || $0.standardError.hasSuffix("\n") }
                if said.standardOutput.isEmpty {
                    #expect(said.standardError.contains("another process listens"), "\(said.standardError)")
                } else {
                    listening += 1
                }
            }
            #expect(listening == 1)
            for process in processes { process.terminate() }
            for process in processes { _ = try await process.result() }
        }
    }

    @Test(
        arguments: [
            (["--socket", "fleet.yaml"], 78, "fleet.yaml exists and is not a socket", "use another path"),
            (["--socket", "Migrations"], 78, "Migrations exists and is not a socket", "use another path"),
            (["--socket", "link"], 78, "link exists and is not a socket", "use another path"),
            (["--socket", "nowhere/serve.sock"], 78, "cannot make a socket in nowhere: No such file", "make the folder first"),
            (
                ["--socket", String(repeating: "x", count: 108)], 78, "the path has 108 bytes, and that of a Unix socket may have 107",
                "shorter"
            ),
            (["--socket", String(repeating: "ü", count: 54)], 78, "the path has 108 bytes", "shorter"),
            (["--socket", ""], 78, "the path is empty", "name a path"),
            (["--socket", "/proc/serve.sock"], 78, "cannot listen on /proc/serve.sock", "may write to"),
            (["--socket", "serve.sock", "--listen", "127.0.0.1:0"], 64, "--listen and --socket exclude each other", "omit one"),
            (["--socket", "serve.sock", "--allow-actions"], 64, "--allow-actions requires a token", "--token-file"),
            (["--socket", "serve.sock", "--allow-host", "a.example"], 64, "--allow-host requires a token", "--token-file"),
            (["--socket", "systemd"], 78, "no socket was handed over", "start Convoy from a socket unit"),
        ] as [([String], Int32, String, String)]
    )
    func whatCannotBeListenedOnIsNamed(options: [String], code: Int32, words: String, hint: String) async throws {
        try await withTemporaryFolder(files: Files.fleet()) { folder in
            try FileManager.default.createSymbolicLink(atPath: "\(folder)/link", withDestinationPath: "fleet.yaml")
            let result = try await runConvoy(["serve"] + options, in: folder)
            #expect(result.exitCode == code, "\(result.standardError)")
            #expect(result.standardError.contains(words), "\(result.standardError)")
            #expect(result.standardError.contains("hint: ") && result.standardError.contains(hint), "\(result.standardError)")
            #expect(result.standardOutput == "")
            #expect(mode("\(folder)/serve.sock") == nil)
        }
    }

    @Test func aPathOfTheLongestLengthIsTaken() async throws {
        try await withTemporaryFolder(files: Files.fleet()) { folder in
            let path = "/tmp/" + String(folder.split(separator: "/").last ?? "") + "/"
            let socket = path + String(repeating: "x", count: 107 - path.utf8.count)
            let dashboard = try await ServedDashboard.start(["--socket", socket], in: folder)
            #expect(try await ask("/healthz", socket: socket, in: folder).hasPrefix("HTTP/1.1 200"))
            #expect(try await dashboard.end().exitCode == 0)
        }
    }

    // MARK: Sockets of systemd

    private func activated(
        _ sockets: [String],
        _ options: [String] = [],
        token: String? = token,
        in folder: String
    ) throws -> ConvoyProcess {
        var arguments = sockets.flatMap { ["-l", $0] }
        if let token { arguments.append("--setenv=CONVOY_TOKEN=\(token)") }
        let process = try ConvoyProcess(
            arguments + [try convoyPath(), "serve", "--socket", "systemd"] + options,
            program: Self.activate,
            in: folder
        )
        process.closeInput()
        // It begins the server at the first connection.
        return process
    }

    @Test(.enabled(if: canActivate, "install systemd"))
    func theSocketOfSystemdIsServed() async throws {
        try await withTemporaryFolder(files: Files.fleet()) { folder in
            let process = try activated(["\(folder)/serve.sock"], in: folder)
            try await eventually("the socket is there") { mode("\(folder)/serve.sock") != nil }
            #expect(try await ask("/healthz", in: folder).hasPrefix("HTTP/1.1 200"))
            #expect(process.snapshot.standardOutput == "listening on unix:\(folder)/serve.sock\n")
            #expect(try await ask("/api/v1/fleet", in: folder).hasPrefix("HTTP/1.1 401"))
            #expect(try await ask("/api/v1/fleet", Self.bearer, in: folder).hasPrefix("HTTP/1.1 200"))
            process.terminate()
            #expect(try await process.result().exitCode == 0)
            // It belongs to systemd, which keeps it for the next start.
            #expect(mode("\(folder)/serve.sock") != nil)
        }
    }

    @Test(.enabled(if: canActivate, "install systemd"))
    func anAddressOfSystemdIsServedAsAnyOther() async throws {
        try await withTemporaryFolder(files: Files.fleet()) { folder in
            let port = Int.random(in: 12_000..<32_000)
            let process = try activated(["127.0.0.1:\(port)"], in: folder)
            try await eventually("it answers", within: .seconds(30)) {
                await (try? askHTTP("/healthz", port: port))?.status == 200
            }
            #expect(process.snapshot.standardOutput == "listening on http://127.0.0.1:\(port)\n")
            #expect(try await askHTTP("/healthz", port: port, headers: ["Host": "evil.example"]).status == 421)
            process.terminate()
            #expect(try await process.result().exitCode == 0)
        }
    }

    @Test(
        .enabled(if: canActivate, "install systemd"),
        arguments: [
            (["one.sock", "two.sock"], 78, "exactly one socket must be handed over"), (["0.0.0.0:"], 64, "so a token is required"),
        ] as [([String], Int32, String)]
    )
    func whatSystemdShouldNotHandOverIsRefused(sockets: [String], code: Int32, words: String) async throws {
        try await withTemporaryFolder(files: Files.fleet()) { folder in
            let port = Int.random(in: 12_000..<32_000)
            let sockets = sockets.map { $0.hasSuffix(":") ? "\($0)\(port)" : "\(folder)/\($0)" }
            let process = try activated(sockets, token: nil, in: folder)
            if let path = sockets.first(where: { $0.hasPrefix("/") }) {
                try await eventually("the socket is there") { mode(path) != nil }
                _ = try await ask("/healthz", socket: path, in: folder)
            } else {
                try await eventually("the port is there") { (try? HTTPConnection(port: port)) != nil }
            }
            let result = try await process.result()
            #expect(result.exitCode == code, "\(result.standardError)")
            #expect(result.standardError.contains(words), "\(result.standardError)")
        }
    }

    /// Otherwise a run that is resumed would take the dashboard's socket for its own.
    @Test(.enabled(if: canActivate, "install systemd"))
    func aRunThatIsResumedGetsNothingOfTheSocket() async throws {
        try await GatedFleet.with { folder, _ in
            let first = try ConvoyProcess(["migrate", "--yes"], in: folder)
            first.closeInput()
            let journal = "\(folder)/.convoy/journal.sqlite"
            let watching = try await ServedDashboard.start(
                ["--listen", "127.0.0.1:0", "--allow-actions"],
                environment: ["CONVOY_TOKEN": Self.token],
                in: folder
            )
            func watch(_ path: String) async throws -> String {
                try await askHTTP(path, port: watching.port, headers: ["Authorization": "Bearer \(Self.token)"]).body
            }
            var run = ""
            try await eventually("the run waits at its gate", within: .seconds(60)) {
                run = try await watch("/api/v1/runs").firstMatch(of: #/"run":"([^"]+)"/#).map { String($0.1) } ?? ""
                guard !run.isEmpty else { return false }
                return try await watch("/api/v1/runs/\(run)").contains(#""approve","#)
            }
            #expect(try await watching.end().exitCode == 0)
            first.kill()
            _ = try? await first.result()
            let process = try activated(["\(folder)/serve.sock"], ["--allow-actions"], in: folder)
            try await eventually("the socket is there") { mode("\(folder)/serve.sock") != nil }
            let resumed = try await ask("/api/v1/runs/\(run)/resume", ["-X", "POST"] + Self.bearer, in: folder)
            #expect(resumed.hasPrefix("HTTP/1.1 202"), "\(resumed)")
            let words = try #require(try FileLock.holder(of: RunID(run), journal: journal))
            let holder = try #require(words.firstMatch(of: #/pid ([0-9]+)/#)?.1, "\(words)")
            let variables = try String(contentsOfFile: "/proc/\(holder)/environ", encoding: .utf8).split(separator: "\0")
            #expect(variables.contains { $0.hasPrefix("PATH=") })
            #expect(!variables.contains { $0.hasPrefix("LISTEN_") || $0.hasPrefix("CONVOY_TOKEN") }, "\(variables)")
            let files = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(holder)/fd")
            let inode = try #require(try socketNumber(of: "\(folder)/serve.sock"))
            for file in files {
                let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(holder)/fd/\(file)")
                #expect(target != "socket:[\(inode)]")
            }
            process.terminate()
            #expect(try await process.result().exitCode == 0)
            #expect(try await runConvoy(["stop", run, "--now"], in: folder).exitCode == 0)
            try await eventually("the run has ended", within: .seconds(60)) { try FileLock.holder(of: RunID(run), journal: journal) == nil }
        }
    }

    /// The number of the socket that listens at a path, as the kernel names it.
    private func socketNumber(of path: String) throws -> String? {
        let lines = try String(contentsOfFile: "/proc/net/unix", encoding: .utf8).split(separator: "\n")
        return lines.first { $0.hasSuffix(" \(path)") }?.split(separator: " ").dropLast().last.map(String.init)
    }
}
