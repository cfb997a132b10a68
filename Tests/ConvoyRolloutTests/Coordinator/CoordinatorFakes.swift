import ConvoyFleet
import ConvoyIO
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRollout
import ConvoyRun
import FoundationEssentials
import Synchronization
import TestSupport

/// Instances whose work takes exactly as long as the test says: each hangs until it is told how it ended, or is cancelled.
final class FakeInstances: InstanceMigrator, InstanceInspector {
    private struct State {
        var calls: [String] = []
        var hanging: [String: CheckedContinuation<InstanceResult, Never>] = [:]
        /// Told before the instance was there.
        var prepared: [String: InstanceResult] = [:]
        var cancelled: Set<String> = []
        var arrivals: [(name: String, continuation: CheckedContinuation<Void, Never>)] = []
        var reports: [String: @Sendable (Event.Kind) -> Void] = [:]
    }

    private let state = Mutex(State())
    private let needs: [String: Int]

    init(needs: [String: Int] = [:]) {
        self.needs = needs
    }

    /// Whether the work on an instance was cancelled.
    func isCancelled(_ name: String) -> Bool { state.withLock { $0.cancelled.contains(name) } }

    /// Every instance that was begun, in order.
    var calls: [String] { state.withLock { $0.calls } }

    func connections(for instance: Instance) -> Int { needs[instance.name] ?? 1 }

    func migrate(_ job: InstanceJob, report: @escaping @Sendable (Event.Kind) -> Void) async -> InstanceResult {
        let name = job.instance.name
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let (result, arrived) = state.withLock { state in
                    state.calls.append(name)
                    state.reports[name] = report
                    let arrived = state.arrivals.filter { $0.name == name }
                    state.arrivals.removeAll { $0.name == name }
                    let result = state.cancelled.contains(name) ? .interrupted : state.prepared.removeValue(forKey: name)
                    if result == nil { state.hanging[name] = continuation }
                    return (result, arrived)
                }
                for arrival in arrived { arrival.continuation.resume() }
                if let result { continuation.resume(returning: result) }
            }
        } onCancel: {
            let hanging = state.withLock { state in
                state.cancelled.insert(name)
                return state.hanging.removeValue(forKey: name)
            }
            hanging?.resume(returning: .interrupted)
        }
    }

    func work(of run: String, on instance: Instance) async -> RunWork? { nil }

    func slots(on instance: Instance, run: String) async -> ServerSlots? { nil }

    func probe(_ instance: Instance, for change: Change) async -> InstanceStatus {
        let result = await self.migrate(InstanceJob(instance, change, run: "probe")) { _ in }
        return InstanceStatus(
            name: instance.name,
            server: instance.server,
            database: instance.database,
            labels: [:],
            outcome: result.outcome
        )
    }

    /// Waits until the instance was begun.
    func begun(_ name: String) async {
        await withCheckedContinuation { continuation in
            let isHere = state.withLock { state in
                if state.calls.contains(name) { return true }
                state.arrivals.append((name, continuation))
                return false
            }
            if isHere { continuation.resume() }
        }
    }

    /// Ends an instance, now or as soon as it is begun.
    func finish(_ name: String, _ outcome: Outcome = .migrated) {
        let failure = outcome.isGood ? nil : Failure(outcome, "it did not work")
        let result = InstanceResult(outcome: outcome, failure: failure)
        let hanging = state.withLock { state in
            let hanging = state.hanging.removeValue(forKey: name)
            if hanging == nil { state.prepared[name] = result }
            return hanging
        }
        hanging?.resume(returning: result)
    }

    /// Tells something from inside an instance under way.
    func report(_ name: String, _ kind: Event.Kind) {
        state.withLock { $0.reports[name] }?(kind)
    }
}

extension InstanceResult {
    static let interrupted = InstanceResult(outcome: .interrupted, failure: Failure(.interrupted, "cancelled"))
}

/// Keeps every event, and lets a test wait for one.
final class RecordingSink: EventSink {
    private struct State {
        var events: [Event] = []
        var batches: [Int] = []
        var waiting: [(text: String, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let state = Mutex(State())

    var events: [Event] { state.withLock { $0.events } }
    var texts: [String] { events.map(\.kind.text) }
    /// How many events came together each time.
    var batches: [Int] { state.withLock { $0.batches } }

    func send(_ events: [Event]) async {
        let reached = state.withLock { state in
            state.events += events
            state.batches.append(events.count)
            let texts = events.map(\.kind.text)
            let reached = state.waiting.filter { texts.contains($0.text) }
            state.waiting.removeAll { texts.contains($0.text) }
            return reached
        }
        for waiting in reached { waiting.continuation.resume() }
    }

    /// Waits until the event was sent.
    func saw(_ text: String) async {
        await withCheckedContinuation { continuation in
            let isHere = state.withLock { state in
                if state.events.contains(where: { $0.kind.text == text }) { return true }
                state.waiting.append((text, continuation))
                return false
            }
            if isHere { continuation.resume() }
        }
    }
}

/// A journal that is busy until the test lets it go on.
final class GatedSink: EventSink {
    private struct State {
        var isOpen = false
        var hasBatch = false
        var held: CheckedContinuation<Void, Never>?
        var waiting: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    func send(_ events: [Event]) async {
        await withCheckedContinuation { continuation in
            let (isOpen, waiting) = state.withLock { state in
                state.hasBatch = true
                if !state.isOpen { state.held = continuation }
                defer { state.waiting = nil }
                return (state.isOpen, state.waiting)
            }
            waiting?.resume()
            if isOpen { continuation.resume() }
        }
    }

    /// Waits until the first batch is held.
    func hasBatch() async {
        await withCheckedContinuation { continuation in
            let hasBatch = state.withLock { state in
                if !state.hasBatch { state.waiting = continuation }
                return state.hasBatch
            }
            if hasBatch { continuation.resume() }
        }
    }

    /// Lets everything through from now on.
    func open() {
        let held = state.withLock { state in
            state.isOpen = true
            defer { state.held = nil }
            return state.held
        }
        held?.resume()
    }
}

extension Event.Kind {
    var text: String {
        switch self {
        case .runStarted(_, let fleet, let waves): "run of \(fleet): \(waves.map(\.name).joined(separator: " "))"
        case .traceJoined(let parent): "join \(parent)"
        case .waveStarted(let wave): "wave \(wave)"
        case .instanceStarted(let instance, _): "start \(instance)"
        case .instancePlanned(let instance, _, let pending): "plan \(instance) \(pending.count)"
        case .instanceWaiting(let instance, let reason, _): "wait \(instance) \(reason)"
        case .migrationApplied(let instance, let migration): "applied \(instance) \(migration.version)"
        case .instanceProgress(let instance, let activity): "progress \(instance) \(activity?.phase ?? "none")"
        case .instanceWarned(let instance, let message): "warn \(instance) \(message)"
        case .instanceFinished(let instance, let result): "\(instance) \(result.outcome.rawValue)"
        case .waveFinished(let wave): "end \(wave)"
        case .rollbackStarted(let instance, _): "roll back \(instance)"
        case .rollbackFinished(let instance, let result): "rolled back \(instance) \(result.outcome.rawValue)"
        case .gateOpened(let wave): "gate \(wave)"
        case .gateWaiting(let wave, let reason): "gate \(wave) waits \(reason)"
        case .approved(let wave, let by): "approved \(wave) \(by)"
        case .gatePassed(let wave): "gate \(wave) passed"
        case .gateFailed(let wave, let reason): "gate \(wave) failed \(reason)"
        case .hookFinished(let hook): "hook \(hook.point.rawValue) \(hook.problem ?? "ok")"
        case .serverPaused(let server, _): "pause \(server)"
        case .serverResumed(let server, _): "unpause \(server)"
        case .budgetChanged(let server, let connections): "budget \(server) \(connections)"
        case .windowClosed: "window closed"
        case .windowOpened: "window open"
        case .runResumed: "resume"
        case .halted: "halt"
        case .stopRequested: "stop"
        case .cancelRequested: "cancel"
        case .runFinished(let status): "finish \(status.rawValue)"
        }
    }
}

/// A wave of a plan, with the connections of its instances.
struct ConnectedWave {
    var wave: RunPlan.Wave
    var instances: [Instance]

    init(_ name: String, _ instances: [Instance], maxParallel: Int? = nil, onFailure: OnFailure = .proceed) {
        wave = RunPlan.Wave(
            name: name,
            instances: instances.map(RunPlan.PlannedInstance.init),
            maxParallel: maxParallel,
            onFailure: onFailure
        )
        self.instances = instances
    }
}

/// A plan, with the connections of its instances.
struct ConnectedPlan {
    var plan: RunPlan
    var targets: RunTargets
}

extension Coordinator {
    func run(
        _ connected: ConnectedPlan,
        id: RunID? = nil,
        resuming past: RunLog? = nil,
        by person: String = "",
        stopRequests: AsyncStream<Void> = AsyncStream { $0.finish() },
        answers: AsyncStream<OperatorRequest.Kind> = AsyncStream { $0.finish() }
    ) async -> RunLog {
        await run(
            connected.plan,
            on: connected.targets,
            id: id,
            resuming: past,
            by: person,
            stopRequests: stopRequests,
            answers: answers
        )
    }
}

func plan(_ waves: ConnectedWave..., limits: ConnectionLimits = ConnectionLimits(total: 64, perServer: 64)) -> ConnectedPlan {
    let plan = RunPlan(fleet: "eu", generatedAt: Date(timeIntervalSince1970: 0), change: .up(to: nil), waves: waves.map(\.wave))
    return ConnectedPlan(plan: plan, targets: RunTargets(waves.flatMap(\.instances), limits: limits))
}

func planned(_ name: String, _ names: String, maxParallel: Int? = nil, failures: Int? = nil) -> ConnectedWave {
    var wave = ConnectedWave(name, instances(names), maxParallel: maxParallel)
    wave.wave.stop = StopRules(failures: failures)
    return wave
}
