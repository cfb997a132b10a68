package import ConvoyFleet
package import ConvoyMigrations
import ConvoyText

/// The trace of a run, as one of the run's processes sees it.
///
/// All ids follow from the run and from the place of a span in it. A process that resumes a run thus names the spans of a killed one as that one did,
/// and every process of the run belongs to one trace.
package struct RunTrace: Sendable, Hashable {
    /// The run's id.
    package let run: String
    /// The span that the run belongs to; nil if its trace is its own.
    package let parent: TraceParent?
    /// Which process of the run this is, counted from 1.
    package let process: Int
    /// Whether its spans are recorded.
    package let isSampled: Bool

    package init(run: String, parent: TraceParent? = nil, process: Int = 1, isSampled: Bool = true) {
        self.run = run
        self.parent = parent
        self.process = process
        self.isSampled = isSampled
    }

    /// The parent's trace, or one that follows from the run's id.
    package var id: TraceID {
        parent?.trace ?? TraceID(high: stableHash("trace \(run)"), oddLow: stableHash("convoy \(run)"))
    }

    /// The id of the span of a place.
    package func span(_ place: SpanPlace) -> SpanID { SpanID(hash: stableHash("\(run)\u{0}\(place.key)")) }

    /// What a program that runs there gets as `TRACEPARENT`.
    package func traceparent(_ place: SpanPlace) -> String {
        TraceParent(trace: id, span: span(place), isSampled: isSampled).description
    }
}

/// What a span of a run is about. Two spans of a run never have the same place.
package enum SpanPlace: Sendable, Hashable {
    /// The run up to an end of it. A run that was stopped and is resumed has another part, which counts from 0.
    case run(part: Int)
    /// The wave, in a part of the run.
    case wave(String, part: Int)
    /// The gate after a wave, as one process of the run watched it.
    case gate(wave: String, process: Int)
    /// The work of one process on an instance: the run's change, or the rollback of that.
    case visit(instance: String, process: Int, isRollback: Bool)
    /// A migration of such a visit.
    indirect case migration(MigrationVersion, MigrationDirection, of: SpanPlace)
    /// A hook that a process ran: the first at its point there has the ordinal 0.
    case hook(HookPoint, wave: String?, instance: String?, process: Int, ordinal: Int)

    /// Distinguishes it in the run.
    fileprivate var key: String {
        switch self {
        case .run(let part): "run\u{0}\(part)"
        case .wave(let name, let part): "wave\u{0}\(part)\u{0}\(name)"
        case .gate(let wave, let process): "gate\u{0}\(process)\u{0}\(wave)"
        case .visit(let instance, let process, let isRollback): "\(isRollback ? "rollback" : "instance")\u{0}\(process)\u{0}\(instance)"
        case .migration(let version, let direction, let visit): "\(direction.rawValue)\u{0}\(version)\u{0}\(visit.key)"
        case .hook(let point, let wave, let instance, let process, let ordinal):
            "hook\u{0}\(process)\u{0}\(ordinal)\u{0}\(point.rawValue)\u{0}\(wave ?? "")\u{0}\(instance ?? "")"
        }
    }
}

extension RunTrace {
    /// The trace of a run for a process that begins it, or that resumes it.
    ///
    /// - Parameters:
    ///   - past: what earlier processes did in the run, if this one resumes it: it stays in the trace in which it began.
    ///   - surrounding: the span that this process belongs to.
    ///   - sampler: whether the spans of a trace are recorded.
    package init(
        of run: String,
        resuming past: RunLog?,
        within surrounding: TraceParent?,
        sampler: (_ parent: TraceParent?, _ trace: TraceID) -> Bool
    ) {
        let isFirst = past?.isEmpty ?? true
        let parent = isFirst ? surrounding : past?.traceParent.flatMap(TraceParent.init)
        let unsampled = RunTrace(run: run, parent: parent)
        self.init(
            run: run,
            parent: parent,
            process: isFirst ? 1 : (past?.resumptions ?? 0) + 2,
            isSampled: sampler(parent, unsampled.id)
        )
    }
}
