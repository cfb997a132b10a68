package import ConvoyFleet
package import ConvoyInstance
package import ConvoyMigrations
package import ConvoyRun

extension InstanceRunner {
    /// A runner that gives up on a lost database soon.
    package init(_ set: MigrationSet, steps: [any MigrationStep] = [], reconnectWait: Duration = .seconds(30), batchMigrations: Int = 50) {
        var timing = Timing()
        timing.reconnectWait = reconnectWait
        timing.batchMigrations = batchMigrations
        self.init(set: set, steps: steps, timing: timing)
    }

    package func up(_ instance: Instance, to version: Int64? = nil, run: String = "run-1", log: EventLog = EventLog()) async
        -> InstanceResult
    {
        await migrate(InstanceJob(instance, .up(to: version.map(MigrationVersion.init)), run: run), report: log.add)
    }

    package func status(_ instance: Instance) async -> InstanceStatus {
        await probe(instance, for: .up(to: nil))
    }
}

extension InstanceResult {
    /// The versions that the run applied or reverted, in order.
    package var versions: [Int64] { applied.map(\.version.value) }
}
