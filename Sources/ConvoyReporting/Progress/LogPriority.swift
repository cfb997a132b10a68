import ConvoyRun

/// How urgent a line is, with syslog's numbers.
enum LogPriority: Int {
    case error = 3
    case warning = 4
    case info = 6

    init(_ event: Event.Kind) {
        self =
            switch event {
            case .halted: .error
            case .runFinished(let status): status == .succeeded ? .info : .error
            case .instanceFinished(_, let result), .rollbackFinished(_, let result): result.outcome.isGood ? .info : .error
            case .gateFailed: .error
            case .hookFinished(let hook): hook.problem == nil ? .info : .warning
            case .instanceWarned, .stopRequested, .cancelRequested: .warning
            default: .info
            }
    }

    /// What `sd-daemon(3)` reads it from at the start of a line.
    var prefix: String { "<\(rawValue)>" }
}
