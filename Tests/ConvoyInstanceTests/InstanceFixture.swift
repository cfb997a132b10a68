import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import FoundationEssentials
import Synchronization
import TeslaMate
import TestSupport

@testable import ConvoyInstance
@testable import ConvoyRun

/// The repository's own migration set.
let teslaMateSet: Result<MigrationSet, any Error> = Result {
    let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    return try MigrationSet.load(directory: "/\(root)/Migrations", displayedAs: "Migrations")
}

extension InstanceRunner {
    /// A runner that gives up on a lost database soon.
    init(_ set: MigrationSet, steps: [any MigrationStep] = [], reconnectWait: Duration = .seconds(30), windowMigrations: Int = 50) {
        var timing = Timing()
        timing.reconnectWait = reconnectWait
        timing.windowMigrations = windowMigrations
        self.init(set: set, steps: steps, timing: timing)
    }

    func up(_ instance: Instance, to version: Int64? = nil, run: String = "run-1", log: EventLog = EventLog()) async -> InstanceResult {
        await change(instance, .up(to: version.map(MigrationVersion.init)), run: run, report: log.add)
    }

    func status(_ instance: Instance) async -> InstanceStatus {
        await probe(instance, for: .up(to: nil))
    }
}

extension InstanceResult {
    /// The versions that the run applied or reverted, in order.
    var versions: [Int64] { applied.map(\.version.value) }
}
