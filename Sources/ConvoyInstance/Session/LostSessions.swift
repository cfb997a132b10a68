import Synchronization

/// A session whose connection was lost, and which may live on in the server.
struct LostSession: Sendable, Hashable {
    var identity: SessionIdentity
    var isAdministrators: Bool
}

/// What changes that ended `unknown` have left in servers, by instance: the next change of the same process ends it first.
final class LostSessions: Sendable {
    private let sessions = Mutex<[String: [LostSession]]>([:])

    func add(_ lost: [LostSession], of instance: String) {
        guard !lost.isEmpty else { return }
        sessions.withLock { $0[instance, default: []] += lost }
    }

    func take(of instance: String) -> [LostSession] {
        sessions.withLock { $0.removeValue(forKey: instance) ?? [] }
    }
}
