package import ConvoyFleet
package import ConvoyMigrations
package import ConvoyRun
import ConvoyText

/// What a run is going to do: which instances, in which waves, within which limits. A plain value; nothing was connected to for it.
package struct RolloutPlan: Sendable {
    /// A wave with its instances.
    package struct Wave: Sendable {
        package var name: String
        /// In the order of the selection.
        package var instances: [Instance]
        /// The most instances at a time; nil leaves it to the connection limits.
        package var maxParallel: Int?
        package var stop: StopRules
        package var onFailure: OnFailure
        /// What must hold before the next wave starts; nil is nothing.
        package var gate: Gate?

        package init(
            name: String,
            instances: [Instance],
            maxParallel: Int? = nil,
            stop: StopRules = StopRules(),
            onFailure: OnFailure = .proceed,
            gate: Gate? = nil
        ) {
            self.name = name
            self.instances = instances
            self.maxParallel = maxParallel
            self.stop = stop
            self.onFailure = onFailure
            self.gate = gate
        }
    }

    /// The fleet's name.
    package var fleet: String
    package var change: Change
    /// In order. Waves that got no instance are left out.
    package var waves: [Wave]
    package var limits: ConnectionLimits
    /// Selected instances that the run does not touch: no wave takes them, or their wave was not asked for.
    package var leftOut: [Instance]
    /// The probed states of instances, by name: a rollback by steps, and a rollback to where each instance started, begin from them.
    package var starts: [String: InstanceStart] = [:]

    package init(fleet: String, change: Change, waves: [Wave], limits: ConnectionLimits, leftOut: [Instance] = []) {
        self.fleet = fleet
        self.change = change
        self.waves = waves
        self.limits = limits
        self.leftOut = leftOut
    }

    /// Plans a run over the selected instances.
    ///
    /// Each instance gets its wave first, as if all waves were to run; only then are the waves that were not asked for left out. So
    /// `--wave canary` and then `--wave rest` touch together what one run without `--wave` touches.
    ///
    /// - Parameters:
    ///   - instances: the selection, discovered instances included.
    ///   - cohorts: each instance's cohort by its name; needed where ``ConvoyFleet/Rollout/needsCohorts`` says so.
    ///   - waves: names of the waves to run; empty means all.
    ///   - concurrency: maximum number of instances at a time in any wave. It lowers a wave's `max_parallel` and never raises it, so that a
    ///     canary stays as careful as the fleet file says.
    /// - Throws: ``UnknownWave`` for a name that the fleet file does not have.
    package init(
        fleet: Fleet,
        instances: [Instance],
        change: Change,
        cohorts: [String: String] = [:],
        waves wanted: [String] = [],
        concurrency: Int? = nil
    ) throws(UnknownWave) {
        let known = fleet.rollout.waves.map(\.name)
        if let name = wanted.first(where: { !known.contains($0) }) { throw UnknownWave(name: name, known: known) }

        let assignment = fleet.rollout.assign(instances, cohorts: cohorts)
        var waves: [Wave] = []
        var leftOut = assignment.unassigned
        for members in assignment.waves {
            guard wanted.isEmpty || wanted.contains(members.wave.name) else {
                leftOut += members.instances
                continue
            }
            guard !members.instances.isEmpty else { continue }
            let maxParallel = [members.wave.maxParallel, concurrency].compactMap(\.self).min()
            waves.append(
                Wave(
                    name: members.wave.name,
                    instances: members.instances,
                    maxParallel: maxParallel,
                    stop: members.wave.stop,
                    onFailure: members.wave.onFailure,
                    gate: members.wave.gate
                )
            )
        }
        self.init(fleet: fleet.name, change: change, waves: waves, limits: ConnectionLimits(fleet), leftOut: leftOut)
    }

    /// The waves as events and reports name them.
    package var plannedWaves: [PlannedWave] {
        waves.map { PlannedWave(name: $0.name, instances: $0.instances.map(\.name)) }
    }

    /// How many instances the run touches.
    package var instanceCount: Int { waves.reduce(0) { $0 + $1.instances.count } }
}

/// A wave was asked for that the fleet file does not have.
package struct UnknownWave: Error, Sendable, Hashable, CustomStringConvertible {
    package let name: String
    /// The waves that there are.
    package let known: [String]

    package var description: String {
        let meant = nearestWord(to: name, among: known).map { "; did you mean \($0)?" } ?? ""
        return "unknown wave “\(name)”\(meant.isEmpty ? "; the fleet file has \(known.joined(separator: ", "))" : meant)"
    }
}
