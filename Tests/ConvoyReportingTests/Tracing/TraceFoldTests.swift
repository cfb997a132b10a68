import ConvoyFleet
import ConvoyMigrations
import ConvoyRollout
import ConvoyText
import FoundationEssentials
import TestSupport
import Testing

@testable import ConvoyReporting
@testable import ConvoyRun

/// Which spans become of the events of a run.
struct TraceFoldTests {
    private static let trace = RunTrace(run: "r-1")
    private static let places = ["alice": TraceFold.Place(database: "tm_alice", host: "db1", port: 5433)]

    private func fold(_ events: some Sequence<Event>, _ trace: RunTrace = trace) -> [TraceSpan] {
        var fold = TraceFold(trace, direction: .up, places: Self.places)
        return events.flatMap { fold.apply($0) }
    }

    /// A span as a test compares it: its name and instance, what it is below, and how it ended.
    private func outline(_ spans: [TraceSpan]) -> [String] {
        let names = Dictionary(spans.map { ($0.id, label($0)) }) { first, _ in first }
        return spans.map { span in
            let parent = span.parent.map { names[$0] ?? "?" } ?? "-"
            return "\(label(span)) < \(parent)" + (span.problem.map { ": \($0)" } ?? "")
        }
    }

    private func label(_ span: TraceSpan) -> String {
        let place = span["convoy.instance"] ?? span["convoy.wave"]
        return place.map { "\(span.name) \($0)" } ?? span.name
    }

    @Test func aRunBecomesATree() {
        let spans = fold(troubledRun)
        #expect(
            outline(spans) == [
                "apply 20260808090000 alice < instance alice",
                "instance alice < wave canary",
                "apply 20260808090000 bob < instance bob: numeric field overflow",
                "instance bob < wave rest: numeric field overflow",
                "instance carol < wave rest: another session holds the migration lock",
                "wave canary < convoy migrate",
                "wave rest < convoy migrate: 2 of 3 instances did not end well",
                "convoy migrate < -: wave rest reached its stop rule failures: 1 (bob)",
            ]
        )
        #expect(Set(spans.map(\.id)).count == spans.count)
        #expect(spans.allSatisfy { $0.start <= $0.end && $0["convoy.run.id"] == "r-1" })
    }

    @Test func databasesAreNamedAsTheConventionsSay() throws {
        let spans = fold(troubledRun)
        let applied = try #require(spans.first)
        #expect(applied.kind == .client)
        #expect(applied["db.system.name"] == "postgresql" && applied["db.namespace"] == "tm_alice")
        #expect(applied["db.operation.name"] == "apply" && applied["server.address"] == "db1")
        #expect(applied.attributes.contains { $0.key == "server.port" && $0.value == .integer(5433) })
        #expect(applied["convoy.migration.version"] == "20260808090000")
        // From the moment that is known, back by what the server took.
        #expect(applied.end == SpanTime(moment(0.2)) && applied.start == SpanTime(moment(0.188)))
        let failed = spans[2]
        #expect(failed["error.type"] == "22003" && failed["db.response.status_code"] == "22003" && failed["convoy.outcome"] == "failed")
        #expect(failed.start == SpanTime(moment(0.5)) && failed.end == SpanTime(moment(1)))
        let carol = spans[4]
        #expect(carol["error.type"] == "lock-busy" && carol["db.namespace"] == nil)
        #expect(carol.moments.kept.map(\.name) == ["waiting"])
        #expect(spans[1].problem == nil && spans[1]["convoy.outcome"] == "migrated")
        #expect(spans[1]["convoy.version.to"] == "20260808090000")
    }

    @Test func aParentIsThatOfTheRun() throws {
        let parent = try #require(TraceParent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"))
        let root = try #require(fold(troubledRun, RunTrace(run: "r-1", parent: parent)).last)
        #expect(root.parent == parent.span)
    }

    // MARK: Hooks and gates

    private static func hook(_ point: HookPoint, _ wave: String?, _ instance: String?, problem: String? = nil) -> Event.Kind {
        .hookFinished(HookResult(point: point, wave: wave, instance: instance, duration: .seconds(2), problem: problem, output: "secret"))
    }

    private static func run(_ kinds: [Event.Kind]) -> [Event] {
        kinds.enumerated().map { Event(at: moment(Double($0) * 10), $1) }
    }

    private static let start = Event.Kind.runStarted(run: "r-1", fleet: "f", waves: [PlannedWave(name: "w", instances: ["alice", "bob"])])
    private static let good = InstanceResult(outcome: .migrated)

    @Test func hooksAndGatesAreSpans() throws {
        let spans = fold(
            Self.run([
                Self.start, Self.hook(.beforeRun, nil, nil), .waveStarted(wave: "w"), Self.hook(.beforeWave, "w", nil),
                .instanceStarted(instance: "alice", wave: "w"), Self.hook(.beforeInstance, "w", "alice"),
                Self.hook(.afterInstance, "w", "alice", problem: "exit code 1"),
                .instanceFinished(instance: "alice", result: Self.good), Self.hook(.afterWave, "w", nil), .waveFinished(wave: "w"),
                .gateOpened(wave: "w"), .gateWaiting(wave: "w", reason: "its soak"), .approved(wave: "w", by: "ann"),
                .gatePassed(wave: "w"),
                Self.hook(.afterRun, nil, nil), .runFinished(status: .succeeded),
            ])
        )
        #expect(
            outline(spans) == [
                "hook before_run < convoy migrate", "hook before_wave w < wave w", "hook before_instance alice < instance alice",
                "hook after_instance alice < instance alice: exit code 1", "instance alice < wave w", "hook after_wave w < wave w",
                "gate w < wave w", "hook after_run < convoy migrate", "wave w < convoy migrate", "convoy migrate < -",
            ]
        )
        #expect(spans[0].start == SpanTime(moment(8)) && spans[0].end == SpanTime(moment(10)))
        #expect(spans[6].moments.kept.map(\.name) == ["waiting", "approved"])
        #expect(spans[6]["convoy.outcome"] == "passed")
        #expect(spans[8].end == spans[6].end)
        #expect(!OTLPRequest(trace: Self.trace.id, resource: [], spans: spans).json.line.contains("secret"))
    }

    @Test func theSameHookOfARollbackHasAnotherID() {
        let spans = fold(
            Self.run([
                Self.start, .instanceStarted(instance: "alice", wave: "w"), Self.hook(.beforeInstance, "w", "alice"),
                .instanceFinished(instance: "alice", result: Self.good), .rollbackStarted(instance: "alice", wave: "w"),
                Self.hook(.beforeInstance, "w", "alice"),
                .rollbackFinished(instance: "alice", result: InstanceResult(outcome: .rolledBack)),
                .runFinished(status: .halted),
            ])
        )
        #expect(outline(spans).contains("hook before_instance alice < instance rollback alice"))
        #expect(Set(spans.map(\.id)).count == spans.count)
    }

    /// One span stands for all that a checkpoint applied.
    @Test func aCheckpointIsOneSpan() {
        let applied = [older, newest].map {
            AppliedMigration(version: $0, direction: .up, duration: $0 == newest ? .seconds(1) : .zero, checkpoint: newest)
        }
        let result = InstanceResult(outcome: .migrated, from: nil, to: newest, applied: applied)
        for isReported in [true, false] {
            var kinds: [Event.Kind] = [Self.start, .instanceStarted(instance: "alice", wave: "w")]
            if isReported { kinds += applied.map { Event.Kind.migrationApplied(instance: "alice", migration: $0) } }
            kinds += [.instanceFinished(instance: "alice", result: result), .runFinished(status: .succeeded)]
            let spans = fold(Self.run(kinds))
            let marked = spans.filter { $0["convoy.checkpoint"] != nil }
            #expect(marked.map { $0["convoy.checkpoint"] } == [newest.description])
            #expect(spans.count { $0.name.hasPrefix("apply ") } == 1, "\(spans.map(\.name))")
        }
    }

    @Test func aGateThatIsNotPassedSaysWhy() {
        func gate(_ kinds: Event.Kind...) -> [String?] {
            let spans = fold(Self.run([Self.start, .gateOpened(wave: "w")] + kinds + [.runFinished(status: .halted)]))
            return spans.first { $0.name == "gate" }.map { [$0["convoy.outcome"], $0.problem] } ?? []
        }
        #expect(gate(.gateFailed(wave: "w", reason: "check c gave f")) == ["failed", "check c gave f"])
        #expect(gate(.stopRequested) == ["abandoned", "the operator stopped the run"])
        #expect(gate(.halted(.gateFailed(wave: "w", reason: "x"))) == ["abandoned", "the run was halted"])
        #expect(gate() == ["abandoned", "the run ended"])
    }

    // MARK: Several processes

    /// A run whose process is killed while alice is in progress; another process ends it.
    private static let killed: [Event] = run([
        start, .waveStarted(wave: "w"), .instanceStarted(instance: "alice", wave: "w"), .instanceStarted(instance: "bob", wave: "w"),
        .instancePlanned(instance: "alice", from: nil, pending: [older, newest]),
        .instanceFinished(instance: "bob", result: good),
    ])
    private static let resumed: [Event] = [
        Event(at: moment(1000), .runResumed(by: "ann")), Event(at: moment(1001), .instanceStarted(instance: "alice", wave: "w")),
        Event(at: moment(1002), .instancePlanned(instance: "alice", from: older, pending: [newest])),
        Event(
            at: moment(1003),
            .migrationApplied(instance: "alice", migration: AppliedMigration(version: newest, direction: .up, duration: .seconds(1)))
        ),
        Event(
            at: moment(1004),
            .instanceFinished(
                instance: "alice",
                result: InstanceResult(
                    outcome: .migrated,
                    from: nil,
                    to: newest,
                    applied: [
                        AppliedMigration(version: older, direction: .up, duration: .seconds(3)),
                        AppliedMigration(version: newest, direction: .up, duration: .seconds(1)),
                    ]
                )
            )
        ),
        Event(at: moment(1005), .waveFinished(wave: "w")), Event(at: moment(1006), .runFinished(status: .succeeded)),
    ]

    @Test func aKilledRunIsOneTree() throws {
        let spans = fold(Self.killed + Self.resumed)
        #expect(
            outline(spans) == [
                "instance bob < wave w", "instance alice < wave w: the process ended before the instance did",
                "apply 20260808090000 alice < instance alice", "apply 20260807090000 alice < instance alice", "instance alice < wave w",
                "wave w < convoy migrate", "convoy migrate < -",
            ]
        )
        #expect(Set(spans.map(\.id)).count == spans.count)
        let cutOff = spans[1]
        #expect(cutOff["convoy.outcome"] == "cut-off" && cutOff["error.type"] == "cut-off")
        #expect(cutOff.start == SpanTime(moment(20)) && cutOff.end == SpanTime(moment(50)))
        // What was committed without a report belongs to the process that did it.
        let found = spans[3]
        #expect(found.parent == cutOff.id && found["convoy.note"] != nil)
        #expect(found.start == SpanTime(moment(40)) && found.end == SpanTime(moment(43)))
        #expect(spans[2].parent == spans[4].id && spans[4].id != cutOff.id)
        let root = try #require(spans.last)
        #expect(root.start == SpanTime(moment()) && root.end == SpanTime(moment(1006)))
        #expect(root.moments.kept.map(\.name) == ["run_resumed"])
    }

    /// The journal keeps events to the millisecond: what is read there gives the same spans.
    @Test func theSameSpansComeOfTheJournal() throws {
        let events = (troubledRun + Self.killed + Self.resumed).map { Event(at: $0.at + 0.000_456_7, $0.kind) }
        let read = try events.map { try JSONDecoder().decode(Event.self, from: Data($0.json.line.utf8)) }
        #expect(fold(events) == fold(read))
    }

    @Test func aResumedProcessSendsWhatTheKilledOneMayHaveKept() {
        func unsent(_ events: [Event]) -> [String] {
            var replay = TraceReplay(TraceFold(Self.trace, direction: .up, places: [:]))
            for event in events { replay.apply(event) }
            return outline(replay.unsent)
        }
        #expect(unsent(Self.killed) == ["instance bob < ?"])
        let late = Event(at: moment(70), .windowClosed(until: moment(90)))
        #expect(unsent(Self.killed + [late]) == [])
        // A process that ended by itself has sent everything.
        #expect(unsent(Self.killed + Self.resumed) == [])
        // Many spans are not kept without end.
        var replay = TraceReplay(TraceFold(Self.trace, direction: .up, places: [:]))
        for second in 0..<5000 {
            let name = "i\(second)"
            replay.apply(Event(at: moment(Double(second)), .instanceStarted(instance: name, wave: "w")))
            replay.apply(Event(at: moment(Double(second)), .instanceFinished(instance: name, result: Self.good)))
        }
        #expect(replay.unsent.count == 16)
    }

    @Test func aRunThatIsResumedAfterItsEndHasAPartOfItsOwn() {
        let stopped =
            Self.killed.dropLast() + [
                Event(at: moment(60), .instanceFinished(instance: "alice", result: InstanceResult(outcome: .interrupted))),
                Event(at: moment(61), .instanceFinished(instance: "bob", result: Self.good)),
                Event(at: moment(62), .runFinished(status: .interrupted)),
            ]
        let first = fold(stopped)
        let all = fold(stopped + Self.resumed)
        // What the first process sent is not sent again.
        #expect(Array(all.prefix(first.count)) == first)
        #expect(Set(all.map(\.id)).count == all.count)
        #expect(
            outline(Array(all.dropFirst(first.count))).suffix(2) == ["wave w < convoy resume", "convoy resume < ?"]
        )
        #expect(all.last?.parent == first.last?.id)
        #expect(all.last?.start == SpanTime(moment(1000)))
    }

    // MARK: Foreign texts

    @Test func textsOfOthersAreCutAndPrintable() throws {
        let text = "\u{1B}[2J" + String(repeating: "ä\n", count: 400)
        let failure = Failure(.failed, text, sqlstate: "XX000")
        let spans = fold(
            Self.run([
                Self.start, .instanceStarted(instance: text, wave: text), .instanceWarned(instance: text, message: text),
                .instanceWaiting(instance: text, reason: text),
                .instanceFinished(instance: text, result: InstanceResult(outcome: .failed, failure: failure)),
                .halted(.gateFailed(wave: text, reason: text)), .runFinished(status: .halted),
            ])
        )
        let body = OTLPRequest(trace: Self.trace.id, resource: [], spans: spans).json.line
        let (read, problems) = CollectedSpan.read(body)
        #expect(problems == [])
        #expect(read.count == spans.count)
        #expect(!body.contains("\u{1B}") && body.utf8.count < 8000)
    }

    @Test func aSpanKeepsOnlySomeOfItsMoments() throws {
        let waits = (0..<100).map { Event(at: moment(Double($0)), .instanceWaiting(instance: "alice", reason: "turn \($0)")) }
        let spans = fold(
            [Event(at: moment(), Self.start), Event(at: moment(), .instanceStarted(instance: "alice", wave: "w"))] + waits
                + [Event(at: moment(100), .instanceFinished(instance: "alice", result: Self.good))]
        )
        let moments = try #require(spans.last?.moments)
        #expect(moments.kept.count == 32 && moments.dropped == 68)
    }

    /// Events may be missing where a journal is damaged.
    @Test func anyPartOfTheEventsCanBeFolded() {
        let all = troubledRun + Self.killed + Self.resumed
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<200 {
            let some = all.filter { _ in Bool.random(using: &generator) }
            let spans = fold(some)
            #expect(spans.allSatisfy { $0.start <= $0.end })
            guard !spans.isEmpty else { continue }
            #expect(CollectedSpan.read(OTLPRequest(trace: Self.trace.id, resource: [], spans: spans).json.line).problems == [])
        }
    }
}

extension TraceSpan {
    subscript(_ key: String) -> String? {
        if case .string(let text)? = attributes.first(where: { $0.key == key })?.value { text } else { nil }
    }
}
