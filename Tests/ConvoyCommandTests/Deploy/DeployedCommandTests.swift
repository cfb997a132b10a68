import ConvoyPostgres
import Foundation
import TestSupport
import Testing

/// Every command line of the manifests, the Compose file and the units, run as it stands there.
@Suite(.enabled(if: DeployFolder.canCheck, "run Scripts/install --servers"), .timeLimit(.minutes(5)))
struct DeployedCommandTests {
    private struct Command: Sendable {
        var file: String
        /// Without the program.
        var words: [String]

        /// Whether it is for a fleet whose runs are in a control database.
        var isShared: Bool { file.hasPrefix("kubernetes/workers/") || file.hasPrefix("kubernetes/submit/") }

        /// With the paths of a container or a unit in a folder of the test.
        func words(in folder: String) -> [String] {
            words.map { word in
                word.replacing("/etc/convoy-plan", with: folder).replacing("/var/lib/convoy", with: folder)
                    .replacing("/run/secrets/convoy-dashboard", with: folder).replacing("%d", with: folder)
                    .replacing("/etc/convoy/%i.yaml", with: "\(folder)/fleet.yaml").replacing("0.0.0.0:7080", with: "127.0.0.1:0")
                    .replacing("0.0.0.0:7081", with: "127.0.0.1:0")
            }
        }
    }

    private static let token = "correct-horse-battery-staple"

    private static func commands() async throws -> [Command] {
        var found: [Command] = []
        for file in DeployFolder.files {
            switch FileKind(file) {
            case .kubernetes:
                for container in try await DeployFolder.documents(file).flatMap({ $0.objects(with: "args") }) {
                    #expect(container["command"].texts == ["convoy"], "\(file)")
                    found.append(Command(file: file, words: container["args"].texts))
                }
            case .compose:
                for service in try await DeployFolder.documents(file).flatMap({ $0["services"].members.values }) {
                    guard service["entrypoint"].texts == ["convoy"] else { continue }
                    found.append(Command(file: file, words: service["command"].texts))
                }
            case .unit:
                for line in try DeployFolder.text(file).split(separator: "\n") where line.hasPrefix("ExecStart=") {
                    let words = line.dropFirst("ExecStart=".count).split(separator: " ").map(String.init)
                    #expect(words.first == "/usr/bin/convoy", "\(file)")
                    // What the administrator adds.
                    let added = ["$CONVOY_SERVE_OPTIONS": ["--listen", "127.0.0.1:0"]]
                    found.append(Command(file: file, words: words.dropFirst().flatMap { added[$0] ?? [$0] }))
                }
            default: break
            }
        }
        return found
    }

    private func environment(_ folder: String) -> [String: String] { ["CONVOY_FLEET": "\(folder)/fleet.yaml", "CONVOY_TOKEN": Self.token] }

    /// Serves until SIGTERM.
    private func serve(_ command: Command, in folder: String) async throws {
        let process = try ConvoyProcess(command.words(in: folder), environment: environment(folder))
        process.closeInput()
        let said = await process.wait { $0.standardOutput.contains("\n") }.standardOutput
        let port = try #require(
            said.firstMatch(of: #/:([0-9]+)\n$/#).flatMap { Int($0.1) },
            "\(command): \(process.snapshot.standardError)"
        )
        // A kubelet names the address of the pod.
        #expect(try await askHTTP("/healthz", port: port).status == 200, "\(command)")
        #expect(try await askHTTP("/api/v1/fleet", port: port).status == 401, "\(command)")
        process.terminate()
        let end = try await process.result()
        #expect(end.exitCode == 0, "\(command): \(end.standardError)")
        #expect(!end.standardError.contains("can be read by other users"), "\(command): \(end.standardError)")
    }

    @Test func everyCommandLineDoesItsWork() async throws {
        let order = ["status", "plan", "migrate", "resume", "serve"]
        let commands = try await Self.commands().filter { !$0.isShared }.sorted {
            // The pinned plan first: what is migrated does not fit it any more.
            let ranks = [$0, $1].map { (order.firstIndex(of: $0.words.first ?? "") ?? -1, $0.words.contains("--plan") ? 0 : 1) }
            return ranks[0] < ranks[1]
        }
        #expect(
            commands.map { $0.words.first } == ["status", "plan", "migrate", "migrate", "migrate", "resume", "serve", "serve", "serve"]
        )
        try await PostgresServer.shared().withDatabases(2) { databases in
            try await withFleet(databases) { folder in
                try writeFile("\(folder)/token", Self.token + "\n")
                for command in commands {
                    if command.words.first == "serve" {
                        try await serve(command, in: folder)
                        continue
                    }
                    let result = try await runConvoy(command.words(in: folder), environment: environment(folder))
                    let isResume = command.words.first == "resume"
                    #expect(result.exitCode == (isResume ? 64 : 0), "\(command): \(result.standardError)")
                    if isResume {
                        #expect(result.standardError.contains("there is no resumable run"), "\(command): \(result.standardError)")
                    }
                    if command.words.contains("--plan") {
                        #expect(try await databases[1].query("SELECT version FROM schema_migrations").rows.count == 2, "\(command)")
                        // A Job that is made again by mistake changes nothing.
                        let again = try await runConvoy(command.words(in: folder), environment: environment(folder))
                        #expect(again.exitCode == 1)
                        #expect(again.standardError.contains("the plan is out of date; nothing was changed"), "\(again.standardError)")
                    }
                }
            }
        }
    }

    @Test func workersCarryOutWhatTheJobSubmits() async throws {
        let commands = try await Self.commands().filter(\.isShared)
        let worker = try #require(commands.first { $0.words.first == "worker" })
        let job = try #require(commands.first { $0.words.first == "migrate" })
        #expect(commands.count == 2)
        try await withWorkerFleet(2, migrations: SlowSet.files(pause: 0)) { fleet in
            let process = try ConvoyProcess(worker.words(in: fleet.folder), in: fleet.folder)
            let said = await process.wait { $0.standardOutput.contains("listening on") || $0.status != nil }
            let port = try #require(said.standardOutput.firstMatch(of: #/:([0-9]+)\n/#).flatMap { Int($0.1) }, "\(said.standardError)")
            #expect(try await askHTTP("/livez", port: port).status == 200)
            try await eventually("it is ready") { try await askHTTP("/readyz", port: port).status == 200 }
            let submitted = try await runConvoy(job.words(in: fleet.folder), in: fleet.folder)
            #expect(submitted.exitCode == 0, "\(submitted.standardError)")
            // The Job has ended; the run is the workers'.
            let run = submitted.standardOutput.trimmingCharacters(in: .whitespacesAndNewlines)
            let waiter = try ConvoyProcess(["wait", run], in: fleet.folder)
            waiter.terminate()
            _ = try await waiter.result()
            let end = try await runConvoy(["wait", "latest"], in: fleet.folder)
            #expect(end.exitCode == 0, "\(end.standardError)")
            let metrics = try await askHTTP("/metrics", port: port)
            #expect(metrics.status == 200)
            #expect(metrics.body.contains("convoy_assignments{state=\"waiting\"} 0"), "\(metrics.body)")
            #expect(metrics.body.hasSuffix("# EOF\n"))
            process.terminate()
            #expect(try await process.result().exitCode == 0)
        }
    }

    /// The image has no program that could ask a URL.
    @Test func theHealthCheckOfComposeFailsWhenTheJournalCannotBeRead() async throws {
        let services = try #require(try await DeployFolder.documents("compose/convoy.yml").first)["services"]
        let words = services["convoy-dashboard"]["healthcheck"]["test"].texts
        try #require(words.prefix(2) == ["CMD", "convoy"])
        try await withTemporaryFolder(files: Files.fleet()) { folder in
            func check() async throws -> Int32 {
                try await runConvoy(Array(words.dropFirst(2)), environment: environment(folder), in: folder).exitCode
            }
            #expect(try await check() == 0)
            try writeFile("\(folder)/.convoy/journal.sqlite", String(repeating: "no journal", count: 1000))
            #expect(try await check() != 0)
        }
    }

    /// What the end of a pod does: one SIGTERM, exit code 130, and the next Job continues.
    @Test func aPodThatIsDeletedStopsItsRunAndTheResumeJobContinues() async throws {
        let commands = try await Self.commands()
        let run = try #require(commands.first { $0.file == "kubernetes/base/window.yaml" })
        let resume = try #require(commands.first { $0.file == "kubernetes/resume/job.yaml" })
        try await PostgresServer.shared().withDatabases(2) { databases in
            try await withFleet(databases, waves: ["{name: canary, select: ring=r0, gate: {approve: true}}", "{name: rest}"]) { folder in
                let first = try ConvoyProcess(run.words(in: folder), environment: environment(folder))
                first.closeInput()
                await first.wait { $0.standardError.contains("waiting for") }
                first.terminate()
                let stopped = try await first.result()
                #expect(stopped.exitCode == 130)
                #expect(stopped.standardError.contains("convoy resume"), "\(stopped.standardError)")

                let second = try ConvoyProcess(resume.words(in: folder), environment: environment(folder))
                second.closeInput()
                await second.wait { $0.standardError.contains("waiting for") }
                #expect(try await runConvoy(["approve", "latest"], environment: environment(folder)).exitCode == 0)
                let resumed = try await second.result()
                #expect(resumed.exitCode == 0, "\(resumed.standardError)")
                #expect(try await databases[1].query("SELECT version FROM schema_migrations").rows.count == 2)
            }
        }
    }
}
