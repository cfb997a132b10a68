import ConvoyFleet
import ConvoyIO
import ConvoyMigrations
import FoundationEssentials
import Synchronization
import TestSupport
import Testing

@testable import ConvoyRollout
@testable import ConvoyRun

/// How long the end of cancelled work waits for what an instance says, and where nothing is asked.
@Suite(.timeLimit(.minutes(1)))
struct CancelledQuestionTests {
    /// Work on an instance that a lost worker had begun, cancelled before this one begins it.
    private func ending(
        _ inspector: HangingInspector,
        room: WorkRoom? = nil,
        rollsBack: Bool = false,
        _ prepare: (WorkPermit) -> Void = { _ in }
    ) async throws -> InstanceResult? {
        let connected = plan(ConnectedWave("all", instances("a")))
        let coordinator = Coordinator(migrator: inspector, inspector: inspector, events: RecordingSink())
        let execution = WorkExecution(coordinator, plan: connected.plan, targets: connected.targets, id: RunID("r-1"))
        var log = RunLog()
        log.apply(Event(at: Date(), .runStarted(run: "r-1", fleet: "eu", waves: connected.plan.plannedWaves)))
        log.apply(Event(at: Date(), .waveStarted(wave: "all")))
        log.apply(Event(at: Date(), .instanceStarted(instance: "a", wave: "all")))
        let standing = WorkExecution.Standing(log: log, past: nil, isTakenOver: true, wasLost: true, room: room)
        let result = Mutex<InstanceResult?>(nil)
        let work = rollsBack ? Work.rollBack("a", wave: "all") : .change("a", wave: "all")
        let body = try #require(
            execution.task(for: work, standing) { fact in
                switch fact {
                case .instanceFinished(_, let end, _), .rollbackFinished(_, let end, _): result.withLock { $0 = end }
                default: break
                }
            }
        )
        let permit = WorkPermit()
        prepare(permit)
        await Task {
            withUnsafeCurrentTask { $0?.cancel() }
            await permit.covering { await body() }
        }.value
        return result.withLock(\.self)
    }

    private static let unknown = "no migration was reported before, but some may have been completed: the instance could not be asked"

    @Test(arguments: [true, false])
    func aSilentInstanceIsWaitedForFor2Seconds(_ rollsBack: Bool) async throws {
        let inspector = HangingInspector()
        let begun = ContinuousClock.now
        let result = try #require(try await ending(inspector, rollsBack: rollsBack))
        let time = ContinuousClock.now - begun
        #expect(time > .milliseconds(1900) && time < .seconds(5), "\(time)")
        #expect(result.failure?.message.hasSuffix(Self.unknown) == true, "\(String(describing: result.failure))")
        #expect(inspector.questions == 1)
    }

    /// A worker that was told to end does not report it.
    @Test(arguments: [true, false])
    func nothingIsAskedForAReportThatIsThrownAway(_ rollsBack: Bool) async throws {
        let inspector = HangingInspector()
        _ = try await ending(inspector, rollsBack: rollsBack) { $0.dismissReport() }
        #expect(inspector.questions == 0)
    }

    @Test func withoutRoomNothingIsAsked() async throws {
        let inspector = HangingInspector()
        let result = try #require(try await ending(inspector, room: WorkRoom(0)))
        #expect(result.failure?.message.hasSuffix(Self.unknown) == true, "\(String(describing: result.failure))")
        #expect(inspector.questions == 0)
    }
}

/// Servers that accept and say nothing.
private final class HangingInspector: InstanceMigrator, InstanceInspector {
    private let asked = Mutex(0)

    var questions: Int { asked.withLock(\.self) }

    func connections(for instance: Instance) -> Int { 1 }

    func migrate(_ job: InstanceJob, report: @escaping @Sendable (Event.Kind) -> Void) async -> InstanceResult { .interrupted }

    func work(of run: String, on instance: Instance) async -> RunWork? {
        asked.withLock { $0 += 1 }
        try? await Task.sleep(for: .seconds(3600))
        return nil
    }

    func slots(on instance: Instance, run: String) async -> ServerSlots? { nil }

    func probe(_ instance: Instance, for change: Change) async -> InstanceStatus {
        InstanceStatus(name: instance.name, server: instance.server, database: instance.database, labels: [:], outcome: .pending)
    }
}
