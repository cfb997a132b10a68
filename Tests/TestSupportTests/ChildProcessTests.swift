import TestSupport
import Testing

@Suite("Child processes", .timeLimit(.minutes(1)))
struct ChildProcessTests {
    @Test("output, error and exit code are told apart")
    func streams() async throws {
        let process = try ChildProcess("/bin/sh", ["-c", "cat; echo oops >&2; exit 7"], environment: ["PATH": "/usr/bin:/bin"])
        try process.write("hello\n")
        process.closeInput()
        let end = await process.wait()
        #expect(end.standardOutput == "hello\n")
        #expect(end.standardError == "oops\n")
        #expect(end.status == .exited(7))
    }

    @Test("nothing is inherited but what is given")
    func environment() async throws {
        try await withTemporaryFolder(files: ["a/b.txt": "b"]) { folder in
            let process = try ChildProcess("/bin/sh", ["-c", "pwd; cat b.txt; env | grep -c HOME"], environment: [:], in: "\(folder)/a")
            let end = await process.wait()
            #expect(end.standardOutput == "\(folder)/a\nb0\n")
        }
    }

    @Test("a signal reaches it while it runs, and the time limit ends it and its children")
    func ending() async throws {
        let asked = try ChildProcess(
            "/bin/sh",
            ["-c", "trap 'exit 3' INT; echo up; while :; do sleep 0.05; done"],
            environment: ["PATH": "/usr/bin:/bin"]
        )
        await asked.wait { $0.standardOutput == "up\n" }
        asked.send(signal: 2)
        #expect(await asked.wait().status == .exited(3))

        let stubborn = try ChildProcess(
            "/bin/sh",
            ["-c", "trap '' TERM; (sleep 100) ; sleep 100"],
            environment: ["PATH": "/usr/bin:/bin"],
            timeLimit: .milliseconds(200)
        )
        let end = await stubborn.wait()
        #expect(end.isOverdue)
        #expect(end.status == .killed(signal: 9))
    }

    @Test("a program that is not there is an error with its name")
    func missing() {
        #expect(throws: TestSupportError.self) { try ChildProcess("/nonexistent/program", [], environment: [:]) }
    }
}
