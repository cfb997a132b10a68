import Foundation
import TestSupport
import Testing

/// Each file of `Deploy` is what its reader takes: Kubernetes, Compose, systemd, GitHub and GitLab, by their own schemas.
@Suite(.enabled(if: DeployFolder.canCheck, "run Scripts/install --servers"), .timeLimit(.minutes(5)))
struct DeploySchemaTests {
    /// The problems of a file, or of what an edit makes of it.
    private func problems(_ file: String, replacing old: String = "", with new: String = "") async throws -> String {
        var text = try DeployFolder.text(file)
        if !old.isEmpty {
            try #require(text.contains(old), "\(file) has no “\(old)” any more")
            text = text.replacing(old, with: new)
        }
        let kind = FileKind(file)
        // systemd looks whether the program is there.
        if kind == .unit { text = text.replacing("/usr/bin/convoy", with: try convoyPath()) }
        var files = [String(file.split(separator: "/").last ?? ""): text]
        // A socket has a service to start.
        if file.hasSuffix(".socket") {
            let service = file.replacing(".socket", with: ".service")
            files[String(service.split(separator: "/").last ?? "")] = try DeployFolder.text(service).replacing(
                "/usr/bin/convoy",
                with: try convoyPath()
            )
        }
        return try await withTemporaryFolder(files: files) { folder in
            try await kind.problems("\(folder)/\(file.split(separator: "/").last ?? "")")
        }
    }

    @Test(arguments: DeployFolder.files.filter { ![.fleet, .kustomization, .other].contains(FileKind($0)) })
    func itsReaderTakesIt(_ file: String) async throws {
        #expect(try await problems(file) == "")
    }

    @Test func noFileIsOverlooked() {
        let others = [
            "README.md", "compose/env.example", "grafana/convoy-fleet.json", "package/copyright", "package/install.sh",
            "package/lintian-overrides", "package/postinst", "systemd/convoy.sysusers",
        ]
        #expect(DeployFolder.files.filter { FileKind($0) == .other } == others)
        #expect(Set(DeployFolder.files.map(FileKind.init)).count == 8)
    }

    @Test func theValidatorKnowsTheOldestReleaseAndANewerOne() async throws {
        let script = "from kubernetes_validate import utils; print(*utils.all_versions())"
        let versions = try await DeployFolder.python(["-c", script]).standardOutput.split { $0.isWhitespace }
        #expect(versions.first == "1.31.0")
        #expect(versions.count >= 2)
    }

    struct Mistake: Sendable, CustomTestStringConvertible {
        var file: String
        var old: String
        var new: String

        var testDescription: String { "\(file): \(new)" }
    }

    @Test(arguments: [
        Mistake(file: "kubernetes/run/job.yaml", old: "backoffLimit: 0", new: "backoffLimit: none"),
        Mistake(file: "kubernetes/run/job.yaml", old: "onExitCodes:", new: "exitCodes:"),
        Mistake(file: "kubernetes/plan/job.yaml", old: "kind: Job", new: "kind: Jobb"),
        Mistake(file: "kubernetes/resume/job.yaml", old: "readOnlyRootFilesystem", new: "readOnlyRootFileSystem"),
        Mistake(file: "kubernetes/base/window.yaml", old: "timeZone:", new: "timezone:"),
        Mistake(file: "kubernetes/base/dashboard.yaml", old: "containerPort: 7080", new: "containerPort: http"),
        Mistake(file: "compose/convoy.yml", old: "stop_grace_period:", new: "stop_grace:"),
        Mistake(file: "compose/docker-compose.yml", old: "restart: always", new: "restarts: always"),
        Mistake(file: "github-action/action.yml", old: "using: composite", new: "using: shell"),
        Mistake(file: "gitlab/convoy.gitlab-ci.yml", old: "when: always", new: "when: ever"),
        Mistake(file: "systemd/convoy-serve.service", old: "ProtectSystem=", new: "ProtectSystems="),
        Mistake(file: "systemd/convoy-serve.service", old: "KillMode=process", new: "KillMode=main"),
        Mistake(file: "systemd/convoy-serve.service", old: "ExecReload=/", new: "ExecReload=/nowhere/"),
        Mistake(file: "systemd/convoy-serve.socket", old: "Accept=no", new: "Accepts=no"),
        Mistake(file: "systemd/convoy-serve.socket", old: "SocketMode=0660", new: "SocketMode=group"),
        Mistake(file: "systemd/convoy-migrate@.service", old: "ExecStart=/", new: "ExecStart=/nowhere/"),
        Mistake(file: "systemd/convoy-migrate@.timer", old: "Sat,Sun", new: "Saturdays"),
    ])
    func aMistakeIsFound(_ mistake: Mistake) async throws {
        #expect(try await problems(mistake.file, replacing: mistake.old, with: mistake.new) != "")
    }

    /// The exposure goes from 0 to 10, and the threshold is ten times that.
    @Test(arguments: ["convoy-serve.service", "convoy-migrate@.service"])
    func systemdCallsTheUnitHardened(_ name: String) async throws {
        let unit = try DeployFolder.text("systemd/\(name)")
        for line in [
            "User=convoy", "ProtectSystem=strict", "NoNewPrivileges=yes", "CapabilityBoundingSet=", "StateDirectory=convoy", "UMask=0077",
        ] {
            #expect(unit.contains("\n\(line)\n"), "\(line)")
        }
        func isHardened(_ text: String) async throws -> Bool {
            try await withTemporaryFolder(files: [name: text.replacing("/usr/bin/convoy", with: try convoyPath())]) { folder in
                let arguments = ["security", "--offline=true", "--threshold=20", "\(folder)/\(name)"]
                let process = try ChildProcess("/usr/bin/systemd-analyze", arguments, environment: [:], timeLimit: .seconds(60))
                return await process.wait().status == .exited(0)
            }
        }
        #expect(try await isHardened(unit))
        #expect(try await !isHardened(unit.replacing("CapabilityBoundingSet=", with: "#").replacing("SystemCallFilter=", with: "#")))
    }

    /// A run that was resumed from the dashboard outlives it; a run itself ends its hooks in its own time.
    @Test func theUnitsEndOnlyWhatTheyShould() throws {
        #expect(try DeployFolder.text("systemd/convoy-serve.service").contains("\nKillMode=process\n"))
        let run = try DeployFolder.text("systemd/convoy-migrate@.service")
        #expect(run.contains("\nKillMode=mixed\n") && run.contains("\nTimeoutStopSec=1h\n") && run.contains("\nType=oneshot\n"))
    }

    // MARK: Fleet files

    /// The paths of an image, in a folder of a test.
    private func inFolder(_ text: String, _ folder: String) -> String {
        text.replacing("/usr/share/convoy/Migrations", with: "\(repositoryRoot)/Migrations").replacing(
            "/run/secrets/convoy",
            with: "\(folder)/secrets"
        )
        .replacing("/var/lib/convoy", with: folder)
    }

    @Test(arguments: DeployFolder.files.filter { FileKind($0) == .fleet })
    func theFleetFileIsValid(_ file: String) async throws {
        let text = try DeployFolder.text(file)
        try await withTemporaryFolder { folder in
            for name in ["ca.crt", "postgres-password", "alice-encryption-key", "bob-encryption-key"] {
                try writeFile("\(folder)/secrets/\(name)", "s3cret")
            }
            try writeFile("\(folder)/fleet.yaml", inFolder(text, folder))
            // A package installs a set, and its fleet file names none.
            if file.hasPrefix("package/") { try writeFile("\(folder)/Migrations/1_cars.sql", Files.migration) }
            let environment = ["DATABASE_PASS": "p", "ENCRYPTION_KEY": "k"]
            let result = try await runConvoy(["validate"], environment: environment, in: folder)
            #expect(result.exitCode == 0, "\(result.standardError)")
            // Between two containers of one machine there is no TLS.
            let warnings = result.standardError.split(separator: "\n").filter { $0.contains("warning:") }
            #expect(warnings.count == (file.hasPrefix("compose/") ? 1 : 0), "\(result.standardError)")
        }
    }

    /// The fleet file of the Compose example is what `init` makes of its stack.
    @Test func theComposeStackIsOneThatInitReads() async throws {
        try await withTemporaryFolder(files: ["docker-compose.yml": try DeployFolder.text("compose/docker-compose.yml")]) { folder in
            let result = try await runConvoy(["init", "--compose", "docker-compose.yml", "--fleet", "made.yaml"], in: folder)
            #expect(result.exitCode == 0, "\(result.standardError)")
            let made = try String(contentsOfFile: "\(folder)/made.yaml", encoding: .utf8)
            let ours = try DeployFolder.text("compose/fleet.yaml")
            for line in ["host: database", "user: teslamate", "password: ${env:DATABASE_PASS}"] {
                #expect(made.contains(line) && ours.contains(line), "\(line): \(made)")
            }
        }
    }

    // MARK: Secrets

    /// A value after a word for a secret, and a password in a URL.
    private static func secrets(in text: String) -> [String] {
        let assigned =
            /(?i)(?:^|[\s"'_{,-])(?:pass(?:word)?|secret|token|key)["']?[ \t]*[:=][ \t]*["']?([A-Za-z0-9+\/][A-Za-z0-9+\/=_-]{3,})/
        let inURL = /[a-z]+:\/\/[^\s:\/@]+:([^\s@$]+)@/
        return text.matches(of: assigned).map { String($0.1) } + text.matches(of: inURL).map { String($0.1) }
    }

    @Test func noFileHasASecret() async throws {
        for file in DeployFolder.files {
            // The word after a key that only names where a secret is.
            let found = Self.secrets(in: try DeployFolder.text(file)).filter { !["/etc/convoy/token", "/run/secrets"].contains($0) }
            #expect(found == [], "\(file)")
        }
        for (file, resource) in try await DeployFolder.resources() { #expect(resource["kind"].text != "Secret", "\(file)") }
        #expect(Self.secrets(in: "password: hunter2 DATABASE_PASS=hunter3 postgres://u:hunter4@db/x token: \"abcd\"").count == 4)
    }
}
