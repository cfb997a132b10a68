import ConvoyFleet
package import ConvoyMigrations
package import ConvoyRun

/// Makes spans of the events of a run: run, wave, instance, migration, and the hooks and gates between them.
///
///     var fold = TraceFold(trace, direction: .up, places: places)
///     for event in events { spans += fold.apply(event) }
///
/// A span comes out when it has ended. The spans of the waves and of the run come last, with the end of the run, since what follows a wave may still
/// roll its instances back. A process that resumes a run first folds what the journal has of it, and then names the same spans as the earlier one.
package struct TraceFold: Sendable {
    /// Where an instance is.
    package struct Place: Sendable, Hashable {
        package var database: String
        package var host: String?
        package var port: Int?

        package init(database: String, host: String? = nil, port: Int? = nil) {
            (self.database, self.host, self.port) = (database, host, port)
        }
    }

    struct OpenWave {
        var start: SpanTime
        var end: SpanTime
        var instances = 0
        var notWell: Set<String> = []
    }

    struct OpenGate {
        var wave: String
        var start: SpanTime
        var moments = TraceSpan.Moments()
    }

    /// The work of one process on an instance.
    struct OpenVisit {
        var place: SpanPlace
        var wave: String
        var isRollback: Bool
        var start: SpanTime
        var lastStep: SpanTime
        var from: MigrationVersion?
        var pending: Int?
        var applied: Set<MigrationVersion> = []
        var moments = TraceSpan.Moments()
        /// When its hook after the work began.
        var afterHook: SpanTime?
    }

    struct HookKey: Hashable {
        var point: HookPoint
        var wave: String?
        var instance: String?
    }

    struct Step: Hashable {
        var version: MigrationVersion
        var direction: MigrationDirection
    }

    let trace: RunTrace
    let direction: MigrationDirection
    let places: [String: Place]
    /// The process of the run that the events come from.
    private(set) var process = 1
    /// How often the run had ended before.
    private(set) var part = 0
    /// Whether the run has ended; it may be resumed.
    package private(set) var hasEnded = false
    private var fleet = ""
    private var count = 0
    private var start: SpanTime?
    private var moments = TraceSpan.Moments()
    private var haltReason: String?
    private var last = SpanTime(microseconds: 0)
    private var planned: [String: Int] = [:]
    var waves: [String: OpenWave] = [:]
    private var waveOrder: [String] = []
    private var gate: OpenGate?
    var visits: [String: OpenVisit] = [:]
    /// Visits that a killed process left, by instance.
    var lost: [String: OpenVisit] = [:]
    /// What was reported of each instance.
    var reported: [String: Set<Step>] = [:]
    private var hooks: [HookKey: Int] = [:]

    /// - Parameters:
    ///   - trace: of the run; which process it speaks of is found in the events.
    ///   - direction: which way the run's migrations go.
    ///   - places: of the instances, by name.
    package init(_ trace: RunTrace, direction: MigrationDirection, places: [String: Place]) {
        self.trace = trace
        self.direction = direction
        self.places = places
    }

    /// Takes in what happened next.
    ///
    /// - Returns: the spans that have ended with it.
    package mutating func apply(_ event: Event) -> [TraceSpan] {
        let now = SpanTime(event.at)
        defer { last = now }
        if start == nil { start = now }
        switch event.kind {
        case .runStarted(_, let fleet, let waves):
            self.fleet = fleet
            count = waves.reduce(0) { $0 + $1.instances.count }
            for wave in waves { planned[wave.name] = wave.instances.count }
        case .runResumed: return resume(now)
        case .runFinished(let ending): return finish(ending, now)
        case .waveStarted(let wave): open(wave, now)
        case .waveFinished(let wave): open(wave, now)
        case .instanceStarted(let name, let wave): begin(name, wave, isRollback: false, now)
        case .rollbackStarted(let name, let wave): begin(name, wave, isRollback: true, now)
        case .instancePlanned, .instanceWaiting, .instanceWarned: noteStep(event.kind, now)
        case .migrationApplied(let name, let migration): return applied(migration, on: name, now)
        case .instanceFinished(let name, let result), .rollbackFinished(let name, let result): return end(name, result, now)
        case .gateOpened(let wave):
            open(wave, now)
            gate = OpenGate(wave: wave, start: now)
        case .gateWaiting(_, let reason): gate?.moments.add("waiting", now, [Self.text("convoy.reason", reason)])
        case .approved: gate?.moments.add("approved", now)
        case .gatePassed: return closeGate(now, outcome: "passed")
        case .gateFailed(_, let reason): return closeGate(now, outcome: "failed", problem: reason)
        case .hookFinished(let hook): return [span(of: hook, now)]
        case .halted(let reason):
            haltReason = reason.description
            moments.add("halted", now, [Self.text("convoy.reason", reason.description)])
            return closeGate(now, outcome: "abandoned", problem: "the run was halted")
        case .stopRequested, .cancelRequested:
            moments.add(event.kind.type.rawValue, now)
            return closeGate(now, outcome: "abandoned", problem: "the operator stopped the run")
        case .serverPaused(let server, _), .serverResumed(let server, _), .budgetChanged(let server, _):
            moments.add(event.kind.type.rawValue, now, [Self.text("convoy.server", server)])
        case .windowClosed, .windowOpened: moments.add(event.kind.type.rawValue, now)
        case .traceJoined, .instanceProgress: break
        }
        return []
    }

    static func text(_ key: String, _ text: String) -> TraceSpan.Attribute {
        TraceSpan.Attribute(key: key, value: .string(text.fitForSpan))
    }

    /// What every span has.
    func attributes(wave: String? = nil) -> [TraceSpan.Attribute] {
        var attributes: [TraceSpan.Attribute] = []
        attributes.add("convoy.run.id", trace.run)
        attributes.add("convoy.wave", wave)
        return attributes
    }

    // MARK: The run

    private var root: SpanPlace { .run(part: part) }

    private mutating func resume(_ now: SpanTime) -> [TraceSpan] {
        var spans: [TraceSpan] = []
        if hasEnded {
            part += 1
            (hasEnded, start, haltReason) = (false, now, nil)
            (waves, waveOrder, moments) = ([:], [], TraceSpan.Moments())
        } else {
            spans = cutOff(at: last)
        }
        moments.add("run_resumed", now)
        process += 1
        hooks = [:]
        return spans
    }

    /// The spans of what was in progress when the process before this one was killed.
    private mutating func cutOff(at end: SpanTime) -> [TraceSpan] {
        var spans = closeGate(end, outcome: "cut-off", problem: "the process ended before the gate did")
        for (name, visit) in visits.sorted(by: { $0.key < $1.key }) {
            spans.append(span(of: visit, name, end: end, outcome: "cut-off", problem: "the process ended before the instance did"))
            lost[name] = visit
        }
        visits = [:]
        return spans
    }

    private mutating func finish(_ ending: RunEnding, _ now: SpanTime) -> [TraceSpan] {
        hasEnded = true
        var spans = closeGate(now, outcome: "abandoned", problem: "the run ended")
        spans += cutOff(at: now)
        spans += waveOrder.compactMap { name in waves[name].map { span(of: $0, name) } }
        var attributes = attributes()
        attributes.add("convoy.fleet", fleet)
        attributes.add("convoy.run.status", ending.rawValue)
        attributes.add("convoy.run.direction", direction.rawValue)
        attributes.add("convoy.run.instances", count)
        if ending != .succeeded { attributes.add("error.type", ending.rawValue) }
        let problem = ending == .succeeded ? nil : haltReason ?? "the run ended as \(ending.rawValue)"
        spans.append(
            TraceSpan(
                id: trace.span(root),
                // What was resumed after it had ended belongs below its beginning.
                parent: part == 0 ? trace.parent?.span : trace.span(.run(part: 0)),
                name: part > 0 ? "convoy resume" : direction == .up ? "convoy migrate" : "convoy rollback",
                start: start ?? now,
                end: now,
                attributes: attributes,
                moments: moments,
                problem: problem.map(\.fitForSpan)
            )
        )
        return spans
    }

    // MARK: Waves and gates

    mutating func open(_ wave: String, _ now: SpanTime) {
        if waves[wave] == nil {
            waves[wave] = OpenWave(start: now, end: now, instances: planned[wave] ?? 0)
            waveOrder.append(wave)
        }
        waves[wave]?.end = now
    }

    private func span(of wave: OpenWave, _ name: String) -> TraceSpan {
        var attributes = attributes(wave: name)
        attributes.add("convoy.wave.instances", wave.instances)
        attributes.add("convoy.wave.not_well", wave.notWell.count)
        return TraceSpan(
            id: trace.span(.wave(name, part: part)),
            parent: trace.span(root),
            name: "wave",
            start: wave.start,
            end: wave.end,
            attributes: attributes,
            problem: wave.notWell.isEmpty ? nil : "\(wave.notWell.count) of \(wave.instances) instances did not end well"
        )
    }

    private mutating func closeGate(_ now: SpanTime, outcome: String, problem: String? = nil) -> [TraceSpan] {
        guard let open = gate else { return [] }
        gate = nil
        waves[open.wave]?.end = now
        var attributes = attributes(wave: open.wave)
        attributes.add("convoy.outcome", outcome)
        if problem != nil { attributes.add("error.type", outcome) }
        return [
            TraceSpan(
                id: trace.span(.gate(wave: open.wave, process: process)),
                parent: trace.span(.wave(open.wave, part: part)),
                name: "gate",
                start: open.start,
                end: now,
                attributes: attributes,
                moments: open.moments,
                problem: problem?.fitForSpan
            )
        ]
    }

    // MARK: Hooks

    private mutating func span(of hook: HookResult, _ now: SpanTime) -> TraceSpan {
        let key = HookKey(point: hook.point, wave: hook.wave, instance: hook.instance)
        let ordinal = hooks[key] ?? 0
        hooks[key] = ordinal + 1
        let start = now.before(hook.duration)
        var parent = root
        if let wave = hook.wave { parent = .wave(wave, part: part) }
        if let name = hook.instance, let visit = visits[name] {
            parent = visit.place
            if hook.point == .afterInstance { visits[name]?.afterHook = start }
        } else if let wave = hook.wave {
            open(wave, now)
        }
        var attributes = attributes(wave: hook.wave)
        attributes.add("convoy.instance", hook.instance)
        attributes.add("convoy.hook", hook.point.rawValue)
        if hook.problem != nil { attributes.add("error.type", "hook-failed") }
        return TraceSpan(
            id: trace.span(.hook(hook.point, wave: hook.wave, instance: hook.instance, process: process, ordinal: ordinal)),
            parent: trace.span(parent),
            name: "hook \(hook.point.rawValue)",
            start: start,
            end: now,
            attributes: attributes,
            problem: hook.problem?.fitForSpan
        )
    }
}
