package import ConvoyFleet
package import ConvoyRollout

/// What a worker takes of the work of its fleet's runs. The connection limits of a run hold over all workers together; these are its own.
package struct WorkerLimits: Sendable, Hashable {
    /// The most that it does at a time. Watches, which wait most of the time, do not count.
    package var total: Int
    /// The servers on whose instances it works; nil is all.
    package var servers: Set<String>?
    /// The instances on which it works; nil is all.
    package var selector: Selector?

    /// - Parameter total: the nearest possible number is taken.
    package init(total: Int = WorkerDefaults.standardTotal, servers: Set<String>? = nil, selector: Selector? = nil) {
        let range = WorkerDefaults.totalRange
        self.total = min(max(total, range.lowerBound), range.upperBound)
        self.servers = servers
        self.selector = selector
    }

    /// Something that a worker may take.
    package struct Offer {
        package var work: Work
        /// The instances that it connects to.
        package var instances: [Instance]
        /// Whether it is only to be ended.
        package var isCancelled: Bool

        package init(_ work: Work, instances: [Instance], isCancelled: Bool = false) {
            (self.work, self.instances, self.isCancelled) = (work, instances, isCancelled)
        }
    }

    /// Whether it works on an instance.
    package func takes(_ instance: Instance) -> Bool {
        (servers?.contains(instance.server) ?? true) && (selector?.matches(instance) ?? true)
    }

    /// The servers of some instances on which it works; nil if it is not limited to any.
    package func servers(of instances: [Instance]) -> Set<String>? {
        guard servers != nil || selector != nil else { return nil }
        return Set(instances.lazy.filter(takes).map(\.server))
    }

    /// Whether the work is for this worker at all. A server is watched by a worker that works on one of its instances.
    package func takes(_ offer: Offer) -> Bool {
        offer.work.isForEveryWorker || offer.instances.contains(where: takes)
    }

    /// Which of the offers it takes now, in their order. What is cancelled is taken by every worker, whatever it does already: it only has to be ended.
    ///
    /// - Parameter running: what it does already, without watches.
    /// - Returns: the indices of the offers.
    package func choose(from offers: [Offer], running: Int) -> [Int] {
        var free = total - running
        return offers.indices.filter { index in
            if offers[index].isCancelled { return true }
            guard takes(offers[index]) else { return false }
            if offers[index].work.isWatch { return true }
            guard free > 0 else { return false }
            free -= 1
            return true
        }
    }
}

extension Work {
    /// Whether it waits most of the time, until the run ends.
    package var isWatch: Bool {
        switch self {
        case .watchServer, .watchWindow: true
        case .change, .rollBack, .hook, .gate: false
        }
    }

    /// Whether any worker may do it: hooks, gates and the maintenance window are there once in a run.
    package var isForEveryWorker: Bool {
        switch self {
        case .change, .rollBack, .watchServer: false
        case .hook, .gate, .watchWindow: true
        }
    }

    /// What it is called in messages.
    package var title: String {
        switch self {
        case .change(let name, _): "the change of \(name)"
        case .rollBack(let name, _): "the rollback of \(name)"
        case .hook(let point, let wave): "hook \(point.rawValue)\(wave.map { " of wave \($0)" } ?? "")"
        case .gate(let wave): "the gate of wave \(wave)"
        case .watchServer(let server): "the watch of server \(server)"
        case .watchWindow: "the watch of the maintenance window"
        }
    }
}
