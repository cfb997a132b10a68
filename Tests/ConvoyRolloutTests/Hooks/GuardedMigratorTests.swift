import ConvoyFleet
import ConvoyIO
import ConvoyMigrations
import Synchronization
import TestSupport
import Testing

@testable import ConvoyInstance
@testable import ConvoyRollout
@testable import ConvoyRun

/// Ends as the test says, and writes into the diary what it is asked.
private struct DiaryMigrator: InstanceMigrator, InstanceInspector {
    var diary: Diary
    var stands: Outcome = .pending
    var ends: Outcome = .migrated
    var during: @Sendable () -> Void = {}

    func probe(_ instance: Instance, for change: Change) async -> InstanceStatus {
        diary.write("probe")
        let failure = stands.isGood ? nil : Failure(stands, "the probe says no")
        return InstanceStatus(
            name: instance.name,
            server: instance.server,
            database: instance.database,
            labels: [:],
            outcome: stands,
            version: MigrationVersion(1),
            failure: failure,
            warnings: ["mind the gap"]
        )
    }

    func migrate(_ job: InstanceJob, report: @escaping @Sendable (Event.Kind) -> Void) async -> InstanceResult {
        diary.write("change")
        during()
        if Task.isCancelled { return .interrupted }
        let applied =
            ends.isGood && ends != .upToDate ? [AppliedMigration(version: MigrationVersion(2), direction: .up, duration: .zero)] : []
        return InstanceResult(
            outcome: ends,
            from: MigrationVersion(1),
            to: MigrationVersion(2),
            applied: applied,
            failure: ends.isGood ? nil : Failure(ends, "the change says no")
        )
    }

    func work(of run: String, on instance: Instance) async -> RunWork? { nil }

    func slots(on instance: Instance, run: String) async -> ServerSlots? { nil }

    func connections(for instance: Instance) -> Int { 1 }
}

@Suite(.timeLimit(.minutes(2))) struct GuardedMigratorTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var before: String? = "exit 0"
        var after: String? = "exit 0"
        var stands: Outcome = .pending
        var ends: Outcome = .migrated
        var check: Outcome?
        var change: Change = .up(to: nil)
        var isUnfinished = false

        var diary: [String]
        var outcome: Outcome
        var message: String?
    }

    private func run(_ this: Case, _ diary: Diary, _ log: EventLog, timeout: Duration = .seconds(60)) async -> InstanceResult {
        var commands: [HookPoint: [String]] = [:]
        let note =
            "echo $CONVOY_HOOK $CONVOY_WAVE $CONVOY_DIRECTION $CONVOY_OUTCOME | sed 's/_instance//; s/ $//' >> \"$1\"; echo said >&2; "
        commands[.beforeInstance] = this.before.map { script(note + $0, diary.path) }
        commands[.afterInstance] = this.after.map { script(note + $0, diary.path) }
        let fake = DiaryMigrator(diary: diary, stands: this.stands, ends: this.ends)
        let guarded = GuardedMigrator(
            fake,
            inspector: fake,
            hooks: hookRunner(commands, timeout: timeout, grace: .milliseconds(200)),
            waves: ["alice": "w"],
            unfinished: this.isUnfinished ? ["alice"] : []
        ) { _ in
            diary.write("check")
            return this.check.map { Failure($0, "check c: it gave false where true is wanted") }
        }
        return await guarded.migrate(InstanceJob(instance("alice"), this.change, run: "run-1"), report: log.add)
    }

    @Test(arguments: [
        Case(
            testDescription: "all is well",
            diary: ["probe", "before w up", "change", "check", "after w up migrated"],
            outcome: .migrated
        ),
        Case(testDescription: "no hooks", before: nil, after: nil, diary: ["change", "check"], outcome: .migrated),
        Case(testDescription: "only before", after: nil, diary: ["probe", "before w up", "change", "check"], outcome: .migrated),
        Case(testDescription: "only after", before: nil, diary: ["probe", "change", "check", "after w up migrated"], outcome: .migrated),
        Case(testDescription: "nothing pending", stands: .upToDate, diary: ["probe"], outcome: .upToDate),
        Case(testDescription: "blocked", stands: .blocked, diary: ["probe"], outcome: .blocked, message: "the probe says no"),
        Case(testDescription: "not reached", stands: .unreachable, diary: ["probe"], outcome: .unreachable, message: "the probe says no"),
        Case(
            testDescription: "begun by an earlier process",
            ends: .upToDate,
            isUnfinished: true,
            diary: ["before w up", "change", "check", "after w up up-to-date"],
            outcome: .upToDate
        ),
        Case(
            testDescription: "before fails",
            before: "exit 3",
            diary: ["probe", "before w up"],
            outcome: .failed,
            message: "hook before_instance (/bin/sh): exit code 3; the database was not touched"
        ),
        Case(
            testDescription: "the change fails",
            ends: .failed,
            diary: ["probe", "before w up", "change", "after w up failed"],
            outcome: .failed,
            message: "the change says no"
        ),
        Case(
            testDescription: "a check fails",
            check: .checkFailed,
            diary: ["probe", "before w up", "change", "check", "after w up check-failed"],
            outcome: .checkFailed,
            message: "check c: it gave false where true is wanted; the database was migrated"
        ),
        Case(
            testDescription: "gone when it is to be checked",
            before: nil,
            after: nil,
            check: .unreachable,
            diary: ["change", "check"],
            outcome: .unreachable,
            message: "check c: it gave false where true is wanted; the database was migrated"
        ),
        Case(
            testDescription: "after fails",
            after: "exit 4",
            diary: ["probe", "before w up", "change", "check", "after w up migrated"],
            outcome: .failed,
            message: "hook after_instance (/bin/sh): exit code 4; the database was migrated"
        ),
        Case(
            testDescription: "after fails, and the change had",
            after: "exit 4",
            ends: .lockBusy,
            diary: ["probe", "before w up", "change", "after w up lock-busy"],
            outcome: .lockBusy,
            message: "the change says no"
        ),
        Case(
            testDescription: "a way down is not checked",
            ends: .rolledBack,
            check: .checkFailed,
            change: .down(to: MigrationVersion(1)),
            diary: ["probe", "before w down", "change", "after w down rolled-back"],
            outcome: .rolledBack
        ),
        Case(
            testDescription: "after fails on the way down",
            after: "exit 4",
            ends: .rolledBack,
            change: .downSteps(1),
            diary: ["probe", "before w down", "change", "after w down rolled-back"],
            outcome: .failed,
            message: "hook after_instance (/bin/sh): exit code 4; the database was rolled back"
        ),
    ]) func inOrder(_ this: Case) async throws {
        try await withDiary { diary in
            let log = EventLog()
            let result = await run(this, diary, log)
            #expect(diary.words == this.diary)
            #expect(result.outcome == this.outcome)
            #expect(result.failure?.message == this.message)
            #expect(result.failure?.kind ?? this.outcome == this.outcome)
            let hooks = log.all.compactMap { if case .hookFinished(let hook) = $0 { hook.point.rawValue } else { nil } }
            #expect(hooks == this.diary.filter { $0.contains(" w ") }.map { $0.prefix { $0 != " " } + "_instance" })
            if this.diary.contains("change"), this.ends == .migrated {
                #expect(result.applied.count == 1 && result.to == MigrationVersion(2))
            }
            if this.after == "exit 4", this.ends == .lockBusy { #expect(log.warnings == ["hook after_instance (/bin/sh): exit code 4"]) }
            if this.diary == ["probe"] { #expect(log.warnings == ["mind the gap"]) }
            if result.failure?.message.hasPrefix("hook") == true { #expect(result.failure?.detail == "said") }
        }
    }

    /// It may have stopped the app already.
    @Test func aLateBeforeHookIsFollowedByTheOneAfter() async throws {
        try await withDiary { diary in
            let this = Case(testDescription: "late", before: "while :; do sleep 1000; done", diary: [], outcome: .failed)
            let result = await run(this, diary, EventLog(), timeout: .seconds(3))
            #expect(diary.words == ["probe", "before w up", "after w up failed"])
            #expect(
                result.failure?.message
                    == "hook before_instance (/bin/sh): not done within 3.0 s, and stopped; the database was not touched"
            )
        }
    }

    @Test func cancelledInTheMiddleOfTheBeforeHook() async throws {
        try await withDiary { diary in
            let this = Case(testDescription: "cancelled", before: "while :; do sleep 1000; done", diary: [], outcome: .interrupted)
            let change = Task { await run(this, diary, EventLog()) }
            try await eventually("the hook runs") { diary.words.contains("before w up") }
            change.cancel()
            let result = await change.value
            #expect(result.outcome == .interrupted)
            #expect(result.failure?.message.hasSuffix("the database was not touched") == true)
            #expect(diary.words == ["probe", "before w up", "after w up interrupted"])
        }
    }

    @Test func cancelledBeforeItBegan() async throws {
        try await withDiary { diary in
            let change = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return await run(Case(testDescription: "", diary: [], outcome: .interrupted), diary, EventLog())
            }
            #expect(await change.value.outcome == .interrupted)
            #expect(diary.words == ["probe"])
        }
    }

    /// Another process has the instance now: its app must not be started in the middle of the other one's change.
    @Test func nothingComesAfterAChangeWhoseLeaseWasLost() async throws {
        try await withDiary { diary in
            let permit = WorkPermit()
            let fake = DiaryMigrator(diary: diary, during: { permit.withdraw() })
            let hooks = hookRunner([
                .beforeInstance: script("echo before >> $1", diary.path), .afterInstance: script("echo after >> $1", diary.path),
            ])
            let guarded = GuardedMigrator(fake, inspector: fake, hooks: hooks, waves: ["alice": "w"], unfinished: []) { _ in
                diary.write("check")
                return nil
            }
            let log = EventLog()
            let job = InstanceJob(instance("alice"), .up(to: nil), run: "run-1")
            let result = await permit.covering { await guarded.migrate(job, report: log.add) }
            #expect(result.outcome == .migrated)
            #expect(diary.words == ["probe", "before", "change"])
            #expect(log.all.count == 1)
        }
    }

    /// The hook was ended halfway; what it began is the next process's to continue.
    @Test func aBeforeHookWhoseLeaseIsLostIsNotFollowedByTheOneAfter() async throws {
        try await withDiary { diary in
            let permit = WorkPermit()
            let this = Case(testDescription: "lost", before: "while :; do sleep 1000; done", diary: [], outcome: .interrupted)
            let change = Task { await permit.covering { await run(this, diary, EventLog()) } }
            try await eventually("the hook runs") { diary.words.contains("before w up") }
            permit.withdraw()
            change.cancel()
            let result = await change.value
            #expect(result.outcome == .interrupted)
            #expect(diary.words == ["probe", "before w up"])
        }
    }

    /// The real parts together: the app's stand-in is started again although a check says no.
    @Test func aRealInstance() async throws {
        let set = try threeMigrations()
        try await withDiary { diary in
            try await withDatabase { database in
                let instance = database.instance()
                let guarded = GuardedMigrator(
                    InstanceRunner(set),
                    inspector: InstanceRunner(set),
                    hooks: hookRunner([
                        .beforeInstance: script("echo stop >> $1", diary.path), .afterInstance: script("echo start >> $1", diary.path),
                    ]),
                    checks: [Check(name: "trips", sql: "SELECT count(*) FROM trips", expect: "1")],
                    waves: [:]
                ) { await InstanceChecks(checks: $0).failure(on: $1) }
                let result = await guarded.migrate(InstanceJob(instance, .up(to: nil), run: "run-1")) { _ in }
                #expect(result.outcome == .checkFailed)
                #expect(result.failure?.message == "check trips: it gave 0 where 1 is wanted; the database was migrated")
                #expect(result.versions == [1, 2, 3])
                #expect(diary.words == ["stop", "start"])
                let again = await guarded.migrate(InstanceJob(instance, .up(to: nil), run: "run-2")) { _ in }
                #expect(again.outcome == .upToDate)
                #expect(diary.words == ["stop", "start"])
            }
        }
    }
}
