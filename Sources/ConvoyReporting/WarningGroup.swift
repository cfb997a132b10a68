import ConvoyRollout
package import ConvoyRun
import ConvoyText

/// The same warning, found on one or many instances.
package struct WarningGroup: Sendable, Hashable {
    package var message: String
    /// Which have it, in the fleet's order.
    package var instances: [String]

    /// Groups what probes found, the most frequent first, then in the fleet's order.
    package static func groups(of statuses: some Sequence<InstanceStatus>) -> [WarningGroup] {
        var groups: [WarningGroup] = []
        var indices: [String: Int] = [:]
        for status in statuses {
            for warning in status.warnings {
                if let index = indices[warning] {
                    if groups[index].instances.last != status.name { groups[index].instances.append(status.name) }
                } else {
                    indices[warning] = groups.count
                    groups.append(WarningGroup(message: warning, instances: [status.name]))
                }
            }
        }
        return groups.enumerated()
            .sorted { ($1.element.instances.count, $0.offset) < ($0.element.instances.count, $1.offset) }
            .map(\.element)
    }

    /// `alice: warning: …`, or `warning: …: 38 instances: alice, bob, …`.
    package var line: String {
        if instances.count == 1 { return "\(instances[0].visible): warning: \(message.visible)" }
        return "warning: \(message.visible): \(counted(instances.count, "instance")): \(listed(instances, limit: 5))"
    }
}
