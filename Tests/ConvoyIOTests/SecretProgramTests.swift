import FoundationEssentials
import Glibc
import TestSupport
import Testing

@testable import ConvoyIO

/// What a secret command's program may print, and what becomes of one that does not behave.
@Suite(.timeLimit(.minutes(2))) struct SecretProgramTests {
    private static let environment = ["PATH": "/usr/bin:/bin"]

    /// Asks a script of the shell for the key `alice`.
    private func ask(_ script: String, timeout: Duration = .seconds(30), key: String = "alice") async -> Result<Secret, SecretFailure> {
        let command = SecretCommand(
            name: "vault",
            program: "/bin/sh",
            arguments: [["-c"], [script], ["sh"], ["", ""]],
            timeout: timeout
        )
        return await command.ask(for: key, environment: Self.environment, mask: SecretMask(["masked-word"]))
    }

    private func reason(_ script: String, timeout: Duration = .seconds(30)) async throws -> String {
        let result = await ask(script, timeout: timeout)
        let failure = try #require(throws: SecretFailure.self) { try result.get() }
        let beginning = "secret command vault gave no secret for “alice”: "
        #expect(failure.description.hasPrefix(beginning))
        return String(failure.description.dropFirst(beginning.count))
    }

    @Test(arguments: [
        ("printf hunter2", "hunter2"), ("echo hunter2", "hunter2"), ("printf 'hunter2\\r\\n'", "hunter2"), ("echo \"key $1\"", "key alice"),
        ("echo ' a b '", " a b "), ("echo hunter2; echo warning >&2", "hunter2"), ("printf 'p\\303\\244ss'", "päss"),
        ("head -c 65536 /dev/zero | tr '\\0' x", String(repeating: "x", count: 65536)),
    ]) func itsLineIsTheSecret(_ script: String, _ expected: String) async throws {
        #expect(try await ask(script).get().reveal() == expected)
    }

    @Test(arguments: [
        ("true", "it printed nothing"), ("echo", "it printed an empty line"), ("echo hunter2; echo other", "it printed more than one line"),
        ("printf 'hunter2\\n\\n'", "it printed more than one line"), ("printf 'hunter2\\rother'", "it printed more than one line"),
        ("printf 'hunter2\\r'", "its line ends with a carriage return and no line feed"),
        ("printf 'hunter2\\r\\r\\n'", "its line ends with a carriage return and no line feed"),
        ("printf 'one\\rhunter2\\r'", "it printed more than one line"),
        ("printf 'hun\\0ter2'", "its output holds a NUL character"), ("printf 'hunter2\\377'", "its output is not UTF-8"),
        ("head -c 65537 /dev/zero | tr '\\0' x", "it wrote more than 64 KiB"), ("yes hunter2", "it wrote more than 64 KiB"),
        ("exit 3", "exit code 3"), ("echo hunter2; exit 3", "exit code 3"), ("echo 'not allowed' >&2; exit 2", "exit code 2: not allowed"),
        ("printf 'one\\n\\n  two\\t\\n' >&2; exit 2", "exit code 2: one; two"), ("kill -KILL $$", "killed by signal 9"),
        ("echo 'of masked-word' >&2; exit 2", "exit code 2: of •••"), ("printf '\\033[2J' >&2; exit 2", "exit code 2: \\u{1B}[2J"),
        // What it was about to print, and traced.
        ("echo hunter2; echo '+ echo hunter2' >&2; exit 2", "exit code 2: + echo •••"),
    ]) func anythingElseIsAFailureThatShowsNothingOfIt(_ script: String, _ expected: String) async throws {
        let reason = try await reason(script)
        #expect(reason == expected)
        #expect(!reason.contains("hunter2"))
    }

    @Test func aLongComplaintIsCut() async throws {
        let reason = try await reason("echo begin >&2; head -c 100000 /dev/zero | tr '\\0' x >&2; echo end >&2; exit 1")
        #expect(reason.hasPrefix("exit code 1: begin; xxx"))
        #expect(reason.contains(" … ") && reason.hasSuffix("end"))
        #expect(reason.utf8.count < 400)
    }

    /// A program that ignores SIGTERM, with a child of its own.
    @Test func aProgramThatHangsIsEndedWithAllThatItStarted() async throws {
        try await withTemporaryFolder { folder in
            let script = "trap '' TERM; sleep 600 & echo $! > \(folder)/child; echo $$ > \(folder)/self; wait; sleep 600"
            #expect(try await reason(script, timeout: .seconds(3)) == "not done within 3.0 s, and stopped")
            for name in ["child", "self"] {
                let text = try String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8).filter(\.isNumber)
                let process = try #require(pid_t(text))
                try await eventually("process \(name) has ended") { kill(process, 0) != 0 || Self.isCollected(process) }
            }
        }
    }

    /// Whether only the entry of an ended process is left.
    private static func isCollected(_ process: pid_t) -> Bool {
        guard let status = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8) else { return true }
        return status.contains(") Z ")
    }

    @Test func aProgramThatCannotBeStartedIsAFailure() async throws {
        try await withTemporaryFolder(files: ["plain": "#!/bin/sh\necho hunter2\n", "odd": "#!/no/such/shell\n"]) { folder in
            #expect(chmod("\(folder)/odd", 0o755) == 0)
            for (program, expected) in [
                ("\(folder)/missing", "there is no such program"), (folder, "it is a folder"), ("\(folder)/plain", "it is not executable"),
                ("\(folder)/odd", "it cannot be run: is the interpreter there that its first line names?"),
                ("convoy-no-such-program", "there is no such program in PATH"),
            ] {
                let command = SecretCommand(name: "vault", program: program, arguments: [["", ""]])
                let result = await command.ask(for: "alice", environment: Self.environment, mask: SecretMask([]))
                let failure = try #require(throws: SecretFailure.self) { try result.get() }
                #expect(failure.description == "secret command vault gave no secret for “alice”: \(expected)")
            }
        }
    }

    @Test func theKeyIsFilledInWhereverItStands() async throws {
        let command = SecretCommand(
            name: "sops",
            program: "/bin/echo",
            arguments: [["[\"", "\"]"], ["--plain"], ["", "/", ""]]
        )
        let result = await command.ask(for: "a$b", environment: Self.environment, mask: SecretMask([]))
        #expect(try result.get().reveal() == "[\"a$b\"] --plain a$b/a$b")
    }

    @Test func itGetsNoSecretsOfOurs() async throws {
        let environment = [
            "PATH": "/usr/bin:/bin", "HOME": "/root", "CONVOY_TOKEN": "t", "PGPASSWORD": "p", "VAULT_ADDR": "https://vault", "XDG_KEY": "s",
        ]
        let command = SecretCommand(
            name: "vault",
            program: "/bin/sh",
            arguments: [["-c"], ["env | sort | tr '\\n' ' '"], ["", ""]],
            environment: ["VAULT_ADDR"]
        )
        let commands = SecretCommands([command], environment: environment)
        commands.keep(["s"], variables: ["XDG_KEY"])
        let secret = try await commands.answer(to: SecretReference(command: "vault", key: "alice")).secret.reveal()
        #expect(secret.contains("HOME=/root ") && secret.contains("VAULT_ADDR=https://vault"), "\(secret)")
        for name in ["CONVOY_TOKEN", "PGPASSWORD", "XDG_KEY"] { #expect(!secret.contains(name), "\(secret)") }
    }

    @Test func aCancelledQuestionEndsItsProgram() async throws {
        try await withTemporaryFolder { folder in
            let command = SecretCommand(
                name: "vault",
                program: "/bin/sh",
                arguments: [["-c"], ["echo $$ > \(folder)/self; exec sleep 600"], ["", ""]]
            )
            let commands = SecretCommands([command], environment: Self.environment)
            let task = Task { try await commands.answer(to: SecretReference(command: "vault", key: "alice")) }
            try await eventually("the program runs") { FileManager.default.contents(atPath: "\(folder)/self")?.last == 10 }
            task.cancel()
            let failure = await #expect(throws: SecretFailure.self) { try await task.value }
            #expect(failure?.isCancellation == true)
            let process = try #require(pid_t(try String(contentsOfFile: "\(folder)/self", encoding: .utf8).filter(\.isNumber)))
            #expect(kill(process, 0) != 0 || Self.isCollected(process))
        }
    }
}
