package import ConvoyFleet

/// Something that a run has to have done: asked for by ``RunDecider``, carried out by a task of this process or by a worker, answered by a
/// ``RunDecider/Fact``.
package enum Work: Sendable, Hashable {
    /// Bring the instance to where the plan wants it; answered by ``RunDecider/Fact/instanceFinished(_:_:at:)``.
    case change(String, wave: String)
    /// Roll the instance back to where it started in this run; answered by ``RunDecider/Fact/rollbackFinished(_:_:at:)``.
    case rollBack(String, wave: String)
    /// Run a hook around the run or around a wave; answered by ``RunDecider/Fact/hookFinished(_:)``.
    case hook(HookPoint, wave: String?)
    /// Watch the gate after the wave; answered by ``RunDecider/Fact/gateEnded(wave:_:)``.
    case gate(wave: String)
    /// Report the server's free connections, again and again, until the run ends.
    case watchServer(String)
    /// Report when the maintenance window closes and opens, until the run ends.
    case watchWindow
}

/// What sort of ``Work`` something is; the raw value is what a control database stores, so it never changes its meaning.
package enum WorkKind: String, Sendable, Hashable, CaseIterable {
    case change
    case rollBack = "rollback"
    case beforeRun = "before_run"
    case beforeWave = "before_wave"
    case afterWave = "after_wave"
    case afterRun = "after_run"
    case gate
    case watchServer = "watch_server"
    case watchWindow = "watch_window"
}

extension Work {
    package var kind: WorkKind {
        switch self {
        case .change: .change
        case .rollBack: .rollBack
        case .hook(let point, _):
            switch point {
            case .beforeRun: .beforeRun
            case .afterRun: .afterRun
            case .afterWave, .afterInstance: .afterWave
            case .beforeWave, .beforeInstance: .beforeWave
            }
        case .gate: .gate
        case .watchServer: .watchServer
        case .watchWindow: .watchWindow
        }
    }

    /// The instance, wave or server that it is about; empty if it is about the run.
    package var subject: String {
        switch self {
        case .change(let name, _), .rollBack(let name, _), .watchServer(let name), .gate(let name): name
        case .hook(_, let wave): wave ?? ""
        case .watchWindow: ""
        }
    }

    /// The wave that it belongs to; nil if it belongs to the run.
    package var wave: String? {
        switch self {
        case .change(_, let wave), .rollBack(_, let wave), .gate(let wave): wave
        case .hook(_, let wave): wave
        case .watchServer, .watchWindow: nil
        }
    }

    /// Work as a control database has it.
    package init(_ kind: WorkKind, subject: String, wave: String) {
        self =
            switch kind {
            case .change: .change(subject, wave: wave)
            case .rollBack: .rollBack(subject, wave: wave)
            case .beforeRun: .hook(.beforeRun, wave: nil)
            case .beforeWave: .hook(.beforeWave, wave: subject)
            case .afterWave: .hook(.afterWave, wave: subject)
            case .afterRun: .hook(.afterRun, wave: nil)
            case .gate: .gate(wave: subject)
            case .watchServer: .watchServer(subject)
            case .watchWindow: .watchWindow
            }
    }
}
