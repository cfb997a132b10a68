internal import HeapModule

/// Instances that wait to start, and the connections that those in progress hold.
///
/// An instance takes all the connections that it may need at once, so no two instances ever wait for each other. An instance that needs
/// more than a budget takes the whole budget, and so runs alone there. The server that holds the fewest connections goes first, and among
/// equals the one whose turn is longest ago: a full server is skipped, and a server whose instances hang keeps no more than its share. On
/// one server the order of the wave holds. A server's budget may change at any time: running instances keep what they hold, and an instance
/// that needs more than a lowered budget waits. Starting, finishing and changing a budget take O(log servers), amortised.
struct StartQueue: Sendable {
    /// What an instance needs of the budgets.
    struct Entry: Sendable {
        var server: String
        var connections: Int
    }

    private struct ServerQueue: Sendable {
        /// What its instances in progress may hold together for another one to start.
        var budget: Int
        /// Connections that its instances in progress hold.
        var held = 0
        /// Indices of entries, in order; those before `next` have started.
        var entries: [Int] = []
        var next = 0
        /// When it last started an instance; smaller is longer ago.
        var turn: Int
        /// The stamp of its one valid candidate; the heap's others for it are out of date.
        var stamp = 0
    }

    /// A server whose first waiting instance fits its budget.
    private struct Candidate: Comparable, Sendable {
        var held: Int
        var turn: Int
        var server: Int
        var stamp: Int

        static func < (left: Self, right: Self) -> Bool { (left.held, left.turn) < (right.held, right.turn) }
    }

    /// How many have started and not finished.
    private(set) var running = 0
    /// How many have not started.
    private(set) var waiting: Int
    private let maxParallel: Int
    private var freeConnections: Int
    private var servers: [ServerQueue] = []
    private var indices: [String: Int] = [:]
    /// For each entry its server's index and what it takes, cut to what the configured budgets can give at all.
    private var needs: [(server: Int, connections: Int)] = []
    private var candidates = Heap<Candidate>()
    private var turn = 0
    private var stamp = 0

    /// - Parameter maxParallel: the most entries in progress at a time; nil leaves it to the connection limits.
    init(_ entries: some Collection<Entry>, maxParallel: Int?, budgets: ServerBudgets) {
        self.maxParallel = max(1, maxParallel ?? .max)
        freeConnections = max(1, budgets.limits.total)
        waiting = entries.count
        needs.reserveCapacity(entries.count)
        for (index, entry) in entries.enumerated() {
            let server: Int
            if let known = indices[entry.server] {
                server = known
            } else {
                server = servers.count
                indices[entry.server] = server
                servers.append(ServerQueue(budget: budgets.current(of: entry.server), turn: server))
            }
            servers[server].entries.append(index)
            needs.append((server, min(max(1, entry.connections), budgets.limits.budget(of: entry.server))))
        }
        turn = servers.count
        for server in servers.indices { enlist(server) }
    }

    /// The next entry that may start now, its connections taken; nil when one has to finish first.
    mutating func next() -> Int? {
        guard running < maxParallel else { return nil }
        while let candidate = candidates.min {
            let server = candidate.server
            guard candidate.stamp == servers[server].stamp else {
                candidates.removeMin()
                continue
            }
            let entry = servers[server].entries[servers[server].next]
            let connections = needs[entry].connections
            // Smaller ones do not overtake: an instance that needs many connections would never find them free together.
            guard connections <= freeConnections else { return nil }
            candidates.removeMin()
            freeConnections -= connections
            servers[server].held += connections
            servers[server].next += 1
            servers[server].turn = turn
            turn += 1
            running += 1
            waiting -= 1
            enlist(server)
            return entry
        }
        return nil
    }

    /// An entry that ``next()`` gave has finished: gives its connections back.
    mutating func finished(_ entry: Int) {
        let (server, connections) = needs[entry]
        freeConnections += connections
        servers[server].held -= connections
        running -= 1
        enlist(server)
    }

    /// The server's budget is this from now on.
    mutating func setBudget(of server: String, to connections: Int) {
        guard let index = indices[server], servers[index].budget != connections else { return }
        servers[index].budget = connections
        enlist(index)
    }

    /// Makes a server a candidate again with its present figures, if its first waiting entry fits.
    private mutating func enlist(_ server: Int) {
        stamp += 1
        let queue = servers[server]
        servers[server].stamp = stamp
        guard queue.next < queue.entries.count, needs[queue.entries[queue.next]].connections <= queue.budget - queue.held else { return }
        candidates.insert(Candidate(held: queue.held, turn: queue.turn, server: server, stamp: stamp))
    }
}
