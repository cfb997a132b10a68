import ConvoyRun
import ConvoyText
internal import FoundationEssentials

extension FleetReport {
    /// Maximum number of waiting instances to name.
    private static let namedInstances = 3

    /// What an active run waits for, a sentence each without a full stop; empty if nothing delays it, and after its end.
    package var waits: [String] {
        guard log.status == nil else { return [] }
        var waits: [String] = []
        if let shortage { waits.append(shortage) }
        if let gate = log.gate {
            waits.append("the gate of wave \(gate.wave) is \(gate.waitingFor.map { "waiting for \($0)" } ?? "being checked")")
        }
        if let closedUntil = log.closedUntil {
            waits.append("no new instances start before the maintenance window opens, \(closedUntil.human)")
        }
        waits += log.pausedServers.keys.sorted().map { "server \($0) is paused" }
        if log.isCancelling {
            waits.append("the instances in progress are being cancelled and rolled back")
        } else if log.isStopping {
            waits.append("the run is stopping: no new instances start, those in progress finish")
        }
        let held = log.running.lazy.compactMap { name in instance(name)?.waitingFor.map { "\(name) waits: \($0)" } }
        let named = held.prefix(Self.namedInstances)
        waits += named
        if log.running.count > named.count {
            let more = held.count - named.count
            if more > 0 { waits.append("\(more) more \(more == 1 ? "instance waits" : "instances wait")") }
        }
        return waits
    }
}
