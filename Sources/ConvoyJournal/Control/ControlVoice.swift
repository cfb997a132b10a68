import ConvoyPostgres
internal import Synchronization

/// Whether a control database takes notifications. Their queue is that of the whole server, and a session of any database can keep it full; what is
/// written is worth more than that others hear of it at once.
final class ControlVoice: Sendable {
    private let silentUntil = Mutex<ContinuousClock.Instant?>(nil)

    /// For how long nothing is announced after the queue was full.
    private static let silence = Duration.seconds(60)

    var isSilent: Bool { silentUntil.withLock { until in until.map { .now < $0 } ?? false } }

    func fallSilent() { silentUntil.withLock { $0 = .now + Self.silence } }

    /// The same statements without notifications, where they are not taken; each has a result all the same.
    func spoken(_ statements: [PipelineStatement]) -> [PipelineStatement] {
        guard isSilent else { return statements }
        return statements.map { ControlNews.isSent(by: $0) ? PipelineStatement("SELECT") : $0 }
    }
}
