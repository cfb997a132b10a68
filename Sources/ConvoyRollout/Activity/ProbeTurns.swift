/// Which instance may probe a server when: one at a time, with a pause between two probes, in the order of the requests.
struct ProbeTurns<Instant: InstantProtocol & Sendable>: Sendable where Instant.Duration == Duration {
    /// Between the end of a probe and the next one on the same server.
    let pause: Duration

    private struct Queue: Sendable {
        /// Names of instances; the first is next.
        var waiting: [String] = []
        /// The instance whose probe is running.
        var current: String?
        /// Nil before the first probe has ended.
        var nextAt: Instant?
    }

    private var queues: [String: Queue] = [:]

    init(pause: Duration) {
        self.pause = pause
    }

    /// Asks for a turn, and keeps its place in the queue where it is not its turn yet.
    mutating func take(_ instance: String, on server: String, at now: Instant) -> Bool {
        var queue = queues[server] ?? Queue()
        defer { queues[server] = queue }
        if !queue.waiting.contains(instance) { queue.waiting.append(instance) }
        guard queue.current == nil, queue.waiting.first == instance, queue.nextAt.map({ now >= $0 }) ?? true else { return false }
        queue.waiting.removeFirst()
        queue.current = instance
        return true
    }

    /// The instance's probe has ended, or it wants no turn any more.
    mutating func leave(_ instance: String, on server: String, at now: Instant) {
        guard var queue = queues[server] else { return }
        queue.waiting.removeAll { $0 == instance }
        if queue.current == instance {
            queue.current = nil
            queue.nextAt = now.advanced(by: pause)
        }
        queues[server] = queue.current == nil && queue.waiting.isEmpty && queue.nextAt.map({ now >= $0 }) ?? true ? nil : queue
    }
}
