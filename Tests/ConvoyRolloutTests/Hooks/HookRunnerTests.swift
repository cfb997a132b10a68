import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import FoundationEssentials
import TestSupport
import Testing

@testable import ConvoyIO
@testable import ConvoyRollout
@testable import ConvoyRun

@Suite(.timeLimit(.minutes(3))) struct HookRunnerTests {
    private static let alice = Instance(
        name: "alice",
        server: "eu-1",
        database: "teslamate_alice",
        labels: ["region": "eu", "app.kubernetes.io/name": "{name}"],
        connection: ConnectionParameters(["password": "hunter2"]),
        secrets: ["encryption_key": Secret("key-of-alice")]
    )

    private let occasion = HookOccasion(run: "run-1", direction: .up, wave: "canary", instance: alice)

    private func run(_ arguments: [String], timeout: Duration = .seconds(60), grace: Duration = .seconds(30)) async throws -> HookResult {
        let runner = hookRunner([.beforeInstance: arguments], timeout: timeout, grace: grace, instances: [Self.alice])
        return try #require(await runner.run(.beforeInstance, for: occasion))
    }

    @Test func noHookThere() async {
        let runner = hookRunner([.beforeRun: ["true"]])
        #expect(await runner.run(.afterRun, for: occasion) == nil)
        #expect(runner.has(.beforeRun) && !runner.has(.afterRun))
    }

    @Test(arguments: [
        ("{name}", "alice"), ("x-{database}-y", "x-teslamate_alice-y"), ("{server}/{wave}", "eu-1/canary"), ("{run}{fleet}", "run-1eu"),
        ("{label.region}", "eu"), ("{{.Names}}", "{{.Names}}"), ("{{name}}", "{{name}}"), (#"{"a": {}}"#, #"{"a": {}}"#), ("{", "{"),
        // What is put in is not looked at again.
        ("{label.app.kubernetes.io/name}", "{name}"), ("a b;$(id)", "a b;$(id)"), ("", ""),
    ]) func placeholders(_ argument: String, _ expected: String) async throws {
        let result = try await run(["printf", "%s", argument])
        #expect(result.problem == nil)
        #expect(result.output == expected)
    }

    @Test(arguments: [("{label.ring}", "no label ring"), ("{name} {label.REGION}", "no label REGION")])
    func aLabelThatTheInstanceLacks(_ argument: String, _ expected: String) async throws {
        let result = try await run(script("echo ran", argument))
        #expect(result.problem?.contains(expected) == true, "\(String(describing: result.problem))")
        #expect(result.output == "")
    }

    @Test func environment() async throws {
        let runner = hookRunner([
            .beforeInstance: script("env | grep '^CONVOY_' | grep -v '^CONVOY_TEST_' | sort"),
            .afterRun: script("env | grep '^CONVOY_' | grep -v '^CONVOY_TEST_' | sort"),
        ])
        let before = try #require(await runner.run(.beforeInstance, for: occasion))
        #expect(
            before.output == """
                CONVOY_DATABASE=teslamate_alice
                CONVOY_DIRECTION=up
                CONVOY_FLEET_NAME=eu
                CONVOY_HOOK=before_instance
                CONVOY_INSTANCE=alice
                CONVOY_LABEL_APP_KUBERNETES_IO_NAME={name}
                CONVOY_LABEL_REGION=eu
                CONVOY_RUN=run-1
                CONVOY_SERVER=eu-1
                CONVOY_WAVE=canary

                """
        )
        let after = try #require(await runner.run(.afterRun, for: HookOccasion(run: "run-1", direction: .down, outcome: "halted")))
        #expect(
            after.output == """
                CONVOY_DIRECTION=down
                CONVOY_FLEET_NAME=eu
                CONVOY_HOOK=after_run
                CONVOY_OUTCOME=halted
                CONVOY_RUN=run-1
                CONVOY_STATUS=halted

                """
        )
        let inherited = try await run(script("echo $PATH"))
        #expect(inherited.output == "\(ProcessInfo.processInfo.environment["PATH"] ?? "")\n")
    }

    @Test(
        arguments: [
            ("exit 0", nil), ("exit 3", "exit code 3"), ("kill -9 $$", "killed by signal 9"), ("no-such-program", "exit code 127"),
            // One that closes its output goes on, and how it ends still counts.
            ("exec >&- 2>&-; exit 5", "exit code 5"),
        ] as [(String, String?)]
    ) func howItEnds(_ text: String, _ problem: String?) async throws {
        let result = try await run(script(text))
        #expect(result.problem == problem)
        #expect(result.point == .beforeInstance && result.wave == "canary" && result.instance == "alice")
    }

    @Test func whatCannotBeStarted() async throws {
        try await withTemporaryFolder(files: ["plain": "#!/bin/sh\n", "lost": "#!/no/such/interpreter\n"]) { folder in
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: "\(folder)/lost")
            let cases = [
                ([], "it names no program"), ([""], "it names no program"),
                (["no-such-program-at-all"], "there is no such program in PATH"),
                (["/no/such/program"], "there is no such program"), (["\(folder)/lost"], "interpreter"),
                (["\(folder)/plain"], "not executable"), ([folder], "it is a folder"), (["echo", "a\0b"], "zero byte"),
            ]
            for (arguments, expected) in cases {
                let result = try await run(arguments)
                #expect(result.problem?.contains(expected) == true, "\(arguments): \(String(describing: result.problem))")
            }
        }
    }

    @Test func bothStreamsAndNothingToRead() async throws {
        let result = try await run(script("cat; echo out; echo err >&2; (: </dev/tty) 2>/dev/null || echo no terminal"))
        #expect(result.output == "out\nerr\nno terminal\n")
        #expect(result.problem == nil)
    }

    @Test func secretsDoNotShow() async throws {
        // Each in two writes.
        let result = try await run(script("printf hunt; printf 'er2 and key-of'; printf -- '-alice\\n'; echo hunter2 >&2; echo hunter"))
        #expect(result.output == "••• and •••\n•••\nhunter\n")
    }

    @Test func tenMegabytes() async throws {
        let result = try await run(script("echo begin; head -c 10000000 /dev/zero | tr '\\0' x; echo; echo end"))
        #expect(result.problem == nil)
        #expect(result.output.hasPrefix("begin\nxxx") && result.output.hasSuffix("xxx\nend\n"))
        #expect(result.output.contains("bytes left out"))
        #expect(result.output.utf8.count < OutputRecorder.limit + 100)
    }

    @Test func linesAsTheyCome() async throws {
        let log = LineLog()
        let runner = hookRunner([.beforeRun: script("echo one; printf two; echo; printf three")], onLine: log.add)
        _ = await runner.run(.beforeRun, for: occasion)
        #expect(log.all == ["one", "two", "three"])
    }

    // MARK: Nothing stays behind

    @Test(arguments: [
        // It keeps the output open.
        "sleep 1000 & echo $!",
        // It also does not mind SIGTERM, nor do its children.
        "(trap '' TERM; echo ready >&2; while :; do sleep 1000; done) & echo $!; sleep 1000 & echo $!",
        // It is in a process group of its own.
        "timeout 1000 sleep 1000 & echo $!",
        // It writes for ever.
        "yes >&2 & echo $!",
    ]) func whatIsLeftInTheBackgroundIsEnded(_ text: String) async throws {
        let result = try await run(script("\(text); exit 0"), grace: .milliseconds(300))
        #expect(result.problem == nil)
        if !text.contains("yes") { #expect(!result.processes.isEmpty) }
        #expect(result.processes.allSatisfy(isGone), "\(result.processes)")
    }

    @Test func oneThatIsLateAndDoesNotMindSIGTERM() async throws {
        let text =
            "trap '' TERM; echo $$; sleep 1000 & echo $!; (trap '' TERM; while :; do sleep 1000; done) & echo $!; wait; wait; wait; wait"
        let result = try await run(script(text), timeout: .seconds(3), grace: .milliseconds(300))
        #expect(result.problem == "not done within 3.0 s, and stopped")
        #expect(result.processes.count == 3)
        #expect(result.processes.allSatisfy(isGone), "\(result.processes)")
    }

    @Test func whatItSaysWhenItIsToldToEnd() async throws {
        let log = LineLog()
        let runner = hookRunner(
            [.beforeRun: script("trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 1000 & wait; done 2>/dev/null")],
            onLine: log.add
        )
        let hook = Task { await runner.run(.beforeRun, for: occasion) }
        try await eventually("it runs") { log.all == ["ready"] }
        hook.cancel()
        let result = try #require(await hook.value)
        #expect(result.problem == "interrupted")
        #expect(result.output == "ready\nbye\n")
    }

    @Test func oneThatIsCancelledBeforeItStarts() async throws {
        let runner = hookRunner([.beforeRun: script("echo ran"), .afterRun: script("echo ran")])
        let hook = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return (await runner.run(.beforeRun, for: occasion), await runner.run(.afterRun, for: occasion))
        }
        let (before, after) = await hook.value
        #expect(before?.problem == "interrupted" && before?.output == "")
        // What comes after something has to run.
        #expect(after?.problem == nil && after?.output == "ran\n")
    }

    // MARK: Work that another process has

    @Test func nothingStartsWithoutThePermit() async throws {
        let runner = hookRunner([.beforeRun: script("echo ran"), .afterRun: script("echo ran")])
        let withdrawn = WorkPermit()
        withdrawn.withdraw()
        for permit in [withdrawn, WorkPermit(isOver: { true })] {
            for point in [HookPoint.beforeRun, .afterRun] {
                let result = await permit.covering { await runner.run(point, for: occasion) }
                #expect(result?.problem == "interrupted" && result?.output == "")
            }
            let gate = await permit.covering { await runner.runGate(script("echo ran"), for: occasion) }
            #expect(gate.ending == .cancelled(ran: false) && gate.output == "")
        }
    }

    @Test func asLongAsThePermitHoldsAnAfterHookRunsInACancelledTask() async throws {
        let runner = hookRunner([.afterRun: script("echo ran")])
        let hook = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return await WorkPermit().covering { await runner.run(.afterRun, for: occasion) }
        }
        let result = await hook.value
        #expect(result?.problem == nil && result?.output == "ran\n")
    }

    @Test func anAfterHookEndsWithThePermit() async throws {
        let log = LineLog()
        let text = "trap '' TERM; echo $$; while :; do sleep 1000 & wait; done"
        let runner = hookRunner([.afterRun: script(text)], onLine: log.add)
        let permit = WorkPermit()
        let hook = Task { await permit.covering { await runner.run(.afterRun, for: occasion) } }
        try await eventually("it runs") { log.all.count == 1 }
        let start = ContinuousClock.now
        permit.withdraw(leaving: .milliseconds(300))
        let result = try #require(await hook.value)
        // Not after its own 30 seconds.
        #expect(ContinuousClock.now - start < .seconds(15))
        #expect(result.problem == "interrupted")
        #expect(result.processes.count == 1)
        #expect(result.processes.allSatisfy(isGone), "\(result.processes)")
    }

    /// It was cancelled first, and had its usual time to end.
    @Test func aBeforeHookThatEndsHasNoMoreTimeThanThePermit() async throws {
        let log = LineLog()
        let text = "trap 'echo asked' TERM; echo $$; while :; do sleep 1000 & wait; done"
        let runner = hookRunner([.beforeRun: script(text)], onLine: log.add)
        let permit = WorkPermit()
        let hook = Task { await permit.covering { await runner.run(.beforeRun, for: occasion) } }
        try await eventually("it runs") { log.all.count == 1 }
        hook.cancel()
        try await eventually("it is asked to end") { log.all.last == "asked" }
        let start = ContinuousClock.now
        permit.withdraw()
        let result = try #require(await hook.value)
        #expect(ContinuousClock.now - start < .seconds(15))
        #expect(result.problem == "interrupted")
    }

    @Test func fiftyAtOnce() async throws {
        let runner = hookRunner([.beforeInstance: script("sleep 1000 & echo $!; echo $1", "{name}")])
        await withTaskGroup(of: (String, HookResult?).self) { group in
            for number in 1...50 {
                let occasion = HookOccasion(run: "run-1", direction: .up, wave: "w", instance: instance("i\(number)"))
                group.addTask { ("i\(number)", await runner.run(.beforeInstance, for: occasion)) }
            }
            for await (name, result) in group {
                #expect(result?.problem == nil)
                #expect(result?.output.hasSuffix("\n\(name)\n") == true)
                #expect(result?.processes.allSatisfy(isGone) == true)
            }
        }
    }
}
