internal import ConvoyFleet
package import ConvoyMigrations
package import ConvoyRun
package import FoundationEssentials

/// What one run does to one instance, step by step: the fold over the run's events about that instance.
///
///     var visit = VisitReport(instance: "alice")
///     for event in events { visit.apply(event) }
///     print(visit.steps(.up, in: .running))
package struct VisitReport: Sendable {
    /// A migration that the run applies or reverts here.
    package struct Step: Sendable, Hashable {
        /// How far it is.
        package enum State: String, Sendable, Hashable, CaseIterable {
            case done
            case inProgress = "in-progress"
            case failed
            /// In progress when the process of the run ended: it may be committed, or not.
            case cutOff = "cut-off"
            case toCome = "to-come"
            /// The run left it out, because something before it did not end well.
            case notRun = "not-run"
        }

        package var version: MigrationVersion
        package var direction: MigrationDirection
        package var state: State
        /// How long it took; nil unless it is done.
        package var duration: Duration?
        /// When its end was recorded; nil unless it is done, and if only the end of the instance has it.
        package var endedAt: Date?
    }

    /// What the instance waits for.
    package struct Wait: Sendable, Hashable {
        package var reason: String
        /// When this wait, under any reason, began.
        package var since: Date
        package var facts: WaitFacts
    }

    /// Something that was reported beside the steps.
    package struct Remark<Value: Sendable & Hashable>: Sendable, Hashable {
        package var at: Date
        package var value: Value
    }

    package let instance: String
    /// Nil unless the instance waits.
    package private(set) var wait: Wait?
    /// The newest hooks of the instance, in order.
    package private(set) var hooks: [Remark<HookResult>] = []
    /// The newest warnings, in order.
    package private(set) var warnings: [Remark<String>] = []
    private var run = RunLog()
    private var ends: [MigrationVersion: [MigrationDirection: Date]] = [:]

    private static let remarkLimit = 20

    package init(instance: String) {
        self.instance = instance
        run.add(instance)
    }

    /// What the run has done here.
    package var log: InstanceLog { run.instance(instance) ?? InstanceLog(name: instance) }

    /// Takes in what happened. Events about other instances do not count.
    package mutating func apply(_ event: Event) {
        if let name = event.kind.instance, name != instance { return }
        run.apply(event)
        switch event.kind {
        case .migrationApplied(_, let migration): ends[migration.version, default: [:]][migration.direction] = event.at
        case .instanceWaiting(_, let reason, let facts):
            // Its reason becomes clearer while it lasts: the holder of a lock is found a moment later.
            // Its statement is known from the attempt that the server refused, before the holder is.
            let known = facts.statement == nil ? wait?.facts ?? facts : facts
            wait = Wait(
                reason: reason,
                since: wait?.since ?? event.at,
                facts: WaitFacts(blockers: facts.blockers, statement: known.statement, line: known.line)
            )
        case .instanceWarned(_, let message): warnings = (warnings + [Remark(at: event.at, value: message)]).suffix(Self.remarkLimit)
        case .hookFinished(let hook): hooks = (hooks + [Remark(at: event.at, value: hook)]).suffix(Self.remarkLimit)
        default: break
        }
        guard case .running(_?) = log.state else {
            wait = nil
            return
        }
    }

    /// The migrations of the visit: those that are done, in their order, and those that the run has left.
    ///
    /// - Parameters:
    ///   - direction: the one of the run's change.
    ///   - state: how the run stands: without a process nothing is in progress.
    ///   - start: what the run found before it began; it counts until the run has probed the instance itself.
    package func steps(_ direction: MigrationDirection, in state: RunState, from start: InstanceStart? = nil) -> [Step] {
        let log = log
        let done = log.applied.map { migration in
            Step(
                version: migration.version,
                direction: migration.direction,
                state: .done,
                duration: migration.duration,
                endedAt: ends[migration.version]?[migration.direction]
            )
        }
        let left = log.pending.map { Array($0.dropFirst(log.appliedOfPlan)) } ?? (log.lastResult == nil ? start?.pending ?? [] : [])
        let first: Step.State
        let others: Step.State
        switch log.state {
        case .running where state == .running: (first, others) = (log.pending == nil ? .toCome : .inProgress, .toCome)
        case .running: (first, others) = (log.pending == nil ? .notRun : .cutOff, .notRun)
        case .notReached: (first, others) = state == .running ? (.toCome, .toCome) : (.notRun, .notRun)
        case .finished(let result):
            first = result.failure?.version != nil && result.failure?.version == left.first ? .failed : .notRun
            others = .notRun
        }
        let way = log.isReturning ? MigrationDirection.down : direction
        return done
            + left.enumerated().map { index, version in
                Step(version: version, direction: way, state: index == 0 ? first : others)
            }
    }
}
