import ConvoyRollout

extension Work {
    /// The instance that is changed; nil if it is about something else.
    var instance: String? {
        switch self {
        case .change(let name, _), .rollBack(let name, _): name
        case .hook, .gate, .watchServer, .watchWindow: nil
        }
    }

    /// Whether a worker that drains gives it back before it has ended: it only waits, and another one waits on.
    var isGivenBackAtOnce: Bool {
        switch self {
        case .gate, .watchServer, .watchWindow: true
        case .change, .rollBack, .hook: false
        }
    }
}
