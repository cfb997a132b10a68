package import ConvoyFleet
package import ConvoyMigrations
package import ConvoyRun

/// Probes many instances at once, within the same connection limits as a run; locks nothing and writes nothing.
///
///     let statuses = await FleetProbe(inspector: runner, limits: ConnectionLimits(fleet)).statuses(of: fleet.instances, for: .up(to: nil))
package struct FleetProbe: Sendable {
    /// The progress of the probe.
    package struct Progress: Sendable {
        /// The number of probed instances, this one included.
        package var finished: Int
        package var total: Int
        /// The instance that was just probed.
        package var status: InstanceStatus
    }

    private let inspector: any InstanceInspector
    private let limits: ConnectionLimits

    package init(inspector: any InstanceInspector, limits: ConnectionLimits) {
        self.inspector = inspector
        self.limits = limits
    }

    /// Where each instance stands, in the order given. Skipped ones are not connected to.
    ///
    /// When the task is cancelled no more instances are probed, and those that were not are ``Outcome/interrupted``.
    ///
    /// - Parameter progress: called after each instance, one call at a time.
    @concurrent
    package func statuses(
        of instances: [Instance],
        for change: Change,
        progress: @Sendable (Progress) -> Void = { _ in }
    ) async -> [InstanceStatus] {
        await statuses(of: instances, for: { _ in change }, progress: progress)
    }

    /// The same where the change differs from one instance to the next.
    @concurrent
    package func statuses(
        of instances: [Instance],
        for change: @escaping @Sendable (Instance) -> Change,
        progress: @Sendable (Progress) -> Void = { _ in }
    ) async -> [InstanceStatus] {
        let statuses = await each(of: instances) { [inspector] in
            if let reason = $0.skip { InstanceStatus(skipping: $0, reason) } else { await inspector.probe($0, for: change($0)) }
        } progress: { finished, status in
            progress(Progress(finished: finished, total: instances.count, status: status))
        }
        return zip(instances, statuses).map { instance, status in status ?? .notProbed(instance) }
    }

    /// Asks something of each instance that the fleet file does not skip, over one connection each.
    ///
    /// - Parameters:
    ///   - ask: is called with one instance at a time of each that the limits allow.
    ///   - progress: called after each instance, one call at a time, with the number of answers so far.
    /// - Returns: the answers by name; without those that were left out because the task was cancelled.
    @concurrent
    package func answers<Answer: Sendable>(
        of instances: [Instance],
        _ ask: @escaping @Sendable (Instance) async -> Answer,
        progress: @Sendable (_ finished: Int) -> Void = { _ in }
    ) async -> [String: Answer] {
        let instances = instances.filter { $0.skip == nil }
        let answers = await each(of: instances, ask) { finished, _ in progress(finished) }
        return Dictionary(zip(instances.map(\.name), answers)) { first, _ in first }.compactMapValues(\.self)
    }

    /// About how many rows tables have on each instance, in the order given; nil for those that could not be asked in time.
    ///
    /// - Parameters:
    ///   - tables: for each instance the names of tables.
    ///   - limit: how long it may take altogether.
    @concurrent
    package func estimatedRows(
        of tables: @escaping @Sendable (Instance) -> [[String]],
        on instances: [Instance],
        within limit: Duration
    ) async -> [[[String]: Int]?] {
        let nothing = [[[String]: Int]?](repeating: nil, count: instances.count)
        return await withTaskGroup(of: [[[String]: Int]?]?.self) { group in
            group.addTask {
                await each(of: instances, { [inspector] in await inspector.estimatedRows(of: tables($0), on: $0) }) { _, _ in }.map {
                    $0 ?? nil
                }
            }
            group.addTask {
                try? await Task.sleep(for: limit)
                return nil
            }
            var found = nothing
            for await answers in group {
                // Whichever is first ends the other one.
                group.cancelAll()
                if let answers { found = answers }
            }
            return found
        }
    }

    /// Asks something of each instance, within the limits; nil for those that were left out because the task was cancelled.
    @concurrent
    private func each<Answer: Sendable>(
        of instances: [Instance],
        _ ask: @escaping @Sendable (Instance) async -> Answer,
        progress: @Sendable (_ finished: Int, Answer) -> Void
    ) async -> [Answer?] {
        var answers = [Answer?](repeating: nil, count: instances.count)
        // A probe uses one connection, whatever a change would need.
        let entries = instances.lazy.map { StartQueue.Entry(server: $0.server, connections: 1) }
        var queue = StartQueue(entries, maxParallel: nil, budgets: ServerBudgets(limits))
        await withTaskGroup(of: (Int, Answer).self) { group in
            var finished = 0
            repeat {
                while !Task.isCancelled, let index = queue.next() {
                    group.addTask { (index, await ask(instances[index])) }
                }
                guard let (index, answer) = await group.next() else { return }
                queue.finished(index)
                answers[index] = answer
                finished += 1
                progress(finished, answer)
            } while true
        }
        return answers
    }
}

extension InstanceStatus {
    /// An instance that the fleet file skips, for that reason.
    package init(skipping instance: Instance, _ reason: String) {
        self.init(
            name: instance.name,
            server: instance.server,
            database: instance.database,
            labels: instance.labels,
            outcome: .skipped
        )
        skip = reason
    }

    fileprivate static func notProbed(_ instance: Instance) -> InstanceStatus {
        InstanceStatus(
            name: instance.name,
            server: instance.server,
            database: instance.database,
            labels: instance.labels,
            outcome: .interrupted,
            failure: Failure(.interrupted, "stopped before this instance was looked at", hint: "run the same command again")
        )
    }
}
