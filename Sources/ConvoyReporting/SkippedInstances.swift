import ConvoyRun
import ConvoyText

extension InstanceStatus {
    /// Whether it is ahead, and the fleet file accepts that.
    var isAccepted: Bool { outcome != judgedOutcome }

    /// How its outcome is shown.
    var emphasis: Emphasis { isAccepted ? .notable : outcome.emphasis }
}

extension [InstanceStatus] {
    /// Those of them that the fleet file skips, with the reasons; no lines if it skips none.
    func skipLines(_ style: OutputStyle) -> [String] {
        Self.lines(compactMap { status in status.skip.map { (status.name, $0) } }, style)
    }

    fileprivate static func lines(_ skipped: [(name: String, reason: String)], _ style: OutputStyle) -> [String] {
        guard !skipped.isEmpty else { return [] }
        var table = TextTable([.init("SKIPPED", minimumWidth: 8, importance: 2), .init("REASON", minimumWidth: 20, importance: 1)])
        for instance in skipped { table.add(["\(instance.name)", "\(instance.reason)"]) }
        return table.lines(style)
    }
}

extension FleetReport {
    /// The instances that the fleet file skips, with the reasons.
    var skipped: [(name: String, reason: String)] { instances.compactMap { instance in instance.skip.map { (instance.name, $0) } } }

    /// The same as a table's last lines have them; none if it skips none.
    func skipLines(_ style: OutputStyle) -> [String] { [InstanceStatus].lines(skipped, style) }
}
