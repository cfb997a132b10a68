import Glibc
import TestSupport
import Testing

@testable import ConvoyIO

@Suite struct DetachedProgramTests {
    /// Runs a script of the shell to its end.
    private func run(_ script: String, withholding: [String] = [], log: String) async throws -> Program.Ending {
        let ending = DetachedProgram(
            path: "/bin/sh",
            name: "convoy",
            arguments: ["-c", script],
            withholding: withholding,
            log: log
        ).start()
        try await eventually("the program has ended") { ending.current != nil }
        return try #require(ending.current)
    }

    private func text(of file: String) throws -> String {
        String(decoding: try readFile(file, limit: 1000), as: UTF8.self)
    }

    @Test func bothOutputsAreAppendedToItsFile() async throws {
        try await withTemporaryFolder { folder in
            let log = "\(folder)/log"
            #expect(try await run("echo one; echo two >&2", log: log) == .exited(0))
            #expect(try !readFileContents(log, limit: 1000).isExposed)
            #expect(try await run("echo three; kill -KILL $$", log: log) == .killed(signal: SIGKILL))
            let written = try text(of: log)
            #expect(written == "one\ntwo\nthree\n")
        }
    }

    @Test func itGetsNothingOfOurs() async throws {
        try await withTemporaryFolder { folder in
            // Not marked to be closed in a child.
            let descriptor = open("/dev/null", O_RDONLY)
            defer { close(descriptor) }
            let before = signal(SIGUSR2, SIG_IGN)
            defer { signal(SIGUSR2, before) }
            // The shell blocks signals while it starts a program: what is asked about the shell itself is asked without one.
            let script = """
                read -r process name state parent group session rest < /proc/$$/stat
                [ "$session" = "$process" ] && echo session
                ls /proc/$$/fd
                readlink /proc/$$/fd/0
                while read -r key value; do [ "$key" = SigBlk: ] && echo "blocked $value"; done < /proc/$$/status
                tr '\\0' '\\n' < /proc/$$/cmdline | head -n 1
                tr '\\0' '\\n' < /proc/$$/environ | grep -c '^PATH='
                kill -USR2 $$
                """
            #expect(try await run(script, withholding: ["PATH"], log: "\(folder)/log") == .killed(signal: SIGUSR2))
            let lines = try text(of: "\(folder)/log").split(separator: "\n")
            #expect(lines == ["session", "0", "1", "2", "/dev/null", "blocked 0000000000000000", "convoy", "0"])
        }
    }

    @Test func itContinuesWhenItsStarterIsCancelled() async throws {
        try await withTemporaryFolder(files: ["held": ""]) { folder in
            let program = DetachedProgram(
                path: "/bin/sh",
                name: "convoy",
                arguments: ["-c", "while [ -e '\(folder)/held' ]; do sleep 0.01; done; echo done"],
                withholding: [],
                log: "\(folder)/log"
            )
            let started = OneShot<OneShot<Program.Ending>>()
            let starter = Task {
                started.fulfil(program.start())
                // Until it is cancelled.
                _ = await OneShot<Void>().value()
            }
            let ending = try #require(await started.value())
            starter.cancel()
            await starter.value
            #expect(ending.current == nil)
            #expect(unlink("\(folder)/held") == 0)
            try await eventually("the program has ended") { ending.current != nil }
            #expect(ending.current == .exited(0))
            #expect(try text(of: "\(folder)/log") == "done\n")
        }
    }

    @Test func whyItCannotStart() async throws {
        try await withTemporaryFolder(files: ["other": ""]) { folder in
            #expect(symlink("\(folder)/other", "\(folder)/log") == 0)
            #expect(try await run("echo", log: "\(folder)/log") == .notStarted("\(folder)/log: Too many levels of symbolic links"))
            let ending = DetachedProgram(path: "\(folder)/none", name: "convoy", arguments: [], withholding: [], log: "\(folder)/new")
                .start()
            try await eventually("it could not be started") { ending.current != nil }
            #expect(ending.current == .notStarted("No such file or directory"))
        }
    }
}
