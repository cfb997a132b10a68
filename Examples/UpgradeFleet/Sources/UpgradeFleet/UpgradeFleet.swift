import ConvoyKit
import TeslaMate

/// Brings every instance of a fleet file to the newest migration: `UpgradeFleet fleet.yaml`.
@main
struct UpgradeFleet {
    static func main() async throws {
        let fleetFile = CommandLine.arguments.dropFirst().first ?? "fleet.yaml"
        let fleet = try FleetClient(fleetFile: fleetFile, steps: [EncryptAPITokens()])

        let plan = try await fleet.plan(.newest)
        for instance in plan.instances {
            print("\(instance.name): \(instance.outcome.rawValue), \(instance.pending.count) pending")
        }

        for try await event in fleet.run(plan) {
            switch event.kind {
            case .instanceFinished(let name, let result):
                print("\(name): \(result.outcome.rawValue), \(result.applied.count) applied")
                if let failure = result.failure { print("  \(failure.message)") }
            case .runFinished(let status): print("the run \(status.rawValue)")
            default: break
            }
        }
    }
}
