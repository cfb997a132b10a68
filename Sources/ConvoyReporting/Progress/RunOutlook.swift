package import ConvoyFleet
package import ConvoyMigrations
package import ConvoyRollout
package import ConvoyRun
import ConvoyText
internal import FoundationEssentials

/// What a run still has before it: how fast it goes and how long it will probably take. A fold over its events, at a constant cost each.
///
/// What an instance costs is what its due migrations typically took, in earlier runs or else so far in this one, corrected by how long those that
/// have ended really took. One of which nothing is known costs as much as those that have ended.
package struct RunOutlook: Sendable {
    private struct Wave: Sendable {
        var parallelism: Double
        var soak: Duration
        var needsApproval: Bool
        /// How many instances have not ended, by workload.
        var left: [Int: Int] = [:]
    }

    /// An instance that has not ended.
    private struct Entry: Sendable {
        var wave: Int
        var workload = unknownWorkload
        var startedAt: Date?
    }

    /// An instance that has succeeded.
    private struct Ending: Sendable {
        var busy: Duration
        var applied: [AppliedMigration]
    }

    /// Instances with the same due migrations share a workload; this one is for what is not known.
    private static let unknownWorkload = 0
    private static let workloadLimit = 256
    private static let endingLimit = 50
    /// With fewer endings the estimate would depend on chance.
    private static let fewestEndings = 3

    private let typical: [MigrationVersion: Duration]
    private var waveNames: [String] = []
    private var waves: [Wave] = []
    private var entries: [String: Entry] = [:]
    private var workloads: [[MigrationVersion]] = [[]]
    private var workloadIndices: [[MigrationVersion]: Int] = [:]
    /// How long migrations took in this run.
    private var observed: [MigrationVersion: (sum: Duration, count: Int)] = [:]
    private var endings: [Ending] = []
    private var pace = RunPace()

    /// - Parameters:
    ///   - earlier: what earlier processes did of the run.
    ///   - typical: how long each migration usually takes, in the direction of the plan's change.
    ///   - connections: how many connections an instance holds at once.
    package init(
        _ plan: RunPlan,
        on targets: RunTargets,
        resuming earlier: FleetReport? = nil,
        typical: [MigrationVersion: Duration] = [:],
        connections: (_ instance: Instance) -> Int = { _ in 1 }
    ) {
        self.typical = typical
        for wave in plan.waves {
            let index = waves.count
            waveNames.append(wave.name)
            waves.append(
                Wave(
                    parallelism: Self.parallelism(targets.instances(in: [wave]), wave.maxParallel, targets.limits, connections),
                    soak: Duration(clampingSeconds: wave.gate?.soak ?? 0),
                    needsApproval: wave.gate?.approve ?? false
                )
            )
            for instance in wave.instances where earlier?.instance(instance.name)?.result == nil {
                entries[instance.name] = Entry(wave: index)
                waves[index].left[Self.unknownWorkload, default: 0] += 1
                if let start = instance.start { setWorkload(start.pending, of: instance.name) }
            }
        }
    }

    /// Takes in what happened.
    package mutating func apply(_ event: Event) {
        switch event.kind {
        case .instanceStarted(let name, let wave):
            // An instance that an earlier process left unfinished is started again.
            if entries[name] == nil, let index = waveNames.firstIndex(of: wave) {
                entries[name] = Entry(wave: index)
                count(1, Self.unknownWorkload, in: index)
            }
            entries[name]?.startedAt = event.at
        case .instancePlanned(let name, _, let pending): setWorkload(pending, of: name)
        case .migrationApplied(_, let migration) where migration.checkpoint == nil:
            let (sum, count) = observed[migration.version] ?? (.zero, 0)
            observed[migration.version] = (sum + migration.duration, count + 1)
        case .instanceFinished(let name, let result):
            guard let entry = entries.removeValue(forKey: name) else { return }
            count(-1, entry.workload, in: entry.wave)
            pace.instanceFinished(at: event.at)
            guard result.outcome.isGood, let startedAt = entry.startedAt else { return }
            endings.append(Ending(busy: startedAt.duration(to: event.at), applied: result.applied))
            if endings.count > Self.endingLimit { endings.removeFirst() }
        default: break
        }
    }

    private mutating func setWorkload(_ pending: [MigrationVersion], of name: String) {
        guard let entry = entries[name] else { return }
        var workload = workloadIndices[pending]
        if workload == nil, workloads.count < Self.workloadLimit {
            workload = workloads.count
            workloadIndices[pending] = workload
            workloads.append(pending)
        }
        count(-1, entry.workload, in: entry.wave)
        count(1, workload ?? Self.unknownWorkload, in: entry.wave)
        entries[name]?.workload = workload ?? Self.unknownWorkload
    }

    private mutating func count(_ change: Int, _ workload: Int, in wave: Int) {
        let left = waves[wave].left[workload, default: 0] + change
        waves[wave].left[workload] = left == 0 ? nil : left
    }

    /// Instances a minute, recently; nil if too few have ended.
    func rate(at now: Date) -> Double? { pace.perMinute(at: now) }

    /// Nil if it cannot be estimated: too little is known, or the run waits for something unpredictable.
    ///
    /// - Parameter report: what the run has done so far, this one's events included.
    func timeLeft(_ report: FleetReport, at now: Date) -> TimeLeft? {
        guard report.status == nil, report.haltReason == nil, !report.isStopping, report.closedUntil == nil, report.pausedServers.isEmpty
        else { return nil }
        let costs = costs()
        var left: [TimeLeft.Wave] = []
        for (index, wave) in waves.enumerated() {
            var work = Duration.zero
            var count = 0
            for (workload, instances) in wave.left {
                guard let cost = costs[workload] else { return nil }
                work += cost * instances
                count += instances
            }
            left.append(TimeLeft.Wave(left: count, work: work, parallelism: wave.parallelism))
            guard let isAhead = isGateAhead(index, report), isAhead else { continue }
            let gate = report.gate.flatMap { $0.wave == waveNames[index] ? $0 : nil }
            left[index].soak = max(.zero, wave.soak - (gate?.openedAt.duration(to: now) ?? .zero))
            left[index].needsApproval = wave.needsApproval && gate?.isApproved != true
        }
        for name in report.running {
            guard let entry = entries[name], let startedAt = entry.startedAt, let cost = costs[entry.workload] else { continue }
            let busy = startedAt.duration(to: now)
            left[entry.wave].work -= min(busy, cost)
            left[entry.wave].longest = max(left[entry.wave].longest, cost - busy)
        }
        return TimeLeft(left)
    }

    /// Whether the run has still to pass the gate after a wave.
    private func isGateAhead(_ index: Int, _ report: FleetReport) -> Bool? {
        guard index + 1 < waves.count else { return false }
        return report.waves.first { $0.name == waveNames[index + 1] }.map { $0.startedAt == nil }
    }

    /// The duration of an instance, by workload; missing if it cannot be estimated.
    private func costs() -> [Int: Duration] {
        var costs: [Int: Duration] = [:]
        let overhead = overhead()
        let slowness = slowness()
        for (index, versions) in workloads.enumerated() where index != Self.unknownWorkload {
            var sum = Duration.zero
            let isKnown = versions.allSatisfy { version in
                guard let duration = typicalDuration(version) else { return false }
                sum += duration
                return true
            }
            if isKnown { costs[index] = sum * slowness + overhead }
        }
        if endings.count >= Self.fewestEndings {
            let mean = endings.reduce(.zero) { $0 + $1.busy } / endings.count
            for index in workloads.indices where costs[index] == nil { costs[index] = mean }
        }
        return costs
    }

    private func typicalDuration(_ version: MigrationVersion) -> Duration? {
        typical[version] ?? observed[version].map { $0.sum / $0.count }
    }

    /// The time that an instance takes in addition to its migrations: connecting, hooks, checks.
    private func overhead() -> Duration {
        guard !endings.isEmpty else { return .zero }
        return max(.zero, endings.reduce(.zero) { $0 + $1.busy - $1.applied.reduce(.zero) { $0 + $1.duration } } / endings.count)
    }

    /// How many times as long as usual migrations take in this run.
    private func slowness() -> Double {
        guard endings.count >= Self.fewestEndings else { return 1 }
        var usual = Duration.zero
        var actual = Duration.zero
        for migration in endings.lazy.flatMap(\.applied) {
            guard migration.checkpoint == nil, let duration = typical[migration.version] else { continue }
            usual += duration
            actual += migration.duration
        }
        return usual > .zero ? min(10, max(0.1, actual / usual)) : 1
    }

    /// How many instances of a wave the limits allow at a time, on average over the wave: the busiest server decides.
    private static func parallelism(
        _ instances: [Instance],
        _ maxParallel: Int?,
        _ limits: ConnectionLimits,
        _ connections: (Instance) -> Int
    ) -> Double {
        var instancesOnServers: [String: Int] = [:]
        var most = 1
        for instance in instances {
            instancesOnServers[instance.server, default: 0] += 1
            most = max(most, connections(instance))
        }
        var rounds = Double(instances.count) / Double(max(1, min(maxParallel ?? .max, limits.total / most)))
        for (server, count) in instancesOnServers {
            rounds = max(rounds, Double(count) / Double(max(1, limits.budget(of: server) / most)))
        }
        return Double(instances.count) / max(rounds, 1)
    }
}
