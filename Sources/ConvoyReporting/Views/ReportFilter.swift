import ConvoyRollout
package import ConvoyRun
import ConvoyText

/// Which instances of a report are shown, and in which order.
package struct ReportFilter: Sendable, Hashable {
    /// Only these; nil means all.
    package var outcomes: Set<Outcome>?
    /// Nil leaves the fleet's order.
    package var order: ReportOrder?

    package init(outcomes: Set<Outcome>? = nil, order: ReportOrder? = nil) {
        self.outcomes = outcomes
        self.order = order
    }

    package func applied(to report: FleetReport) -> FleetReport {
        var shown = report.instances
        if let outcomes { shown.removeAll { !outcomes.contains($0.outcome) } }
        if let order { shown = order.sorted(shown) }
        return report.showing(shown, leftOut: report.leftOut + report.count - shown.count)
    }
}

extension FleetReport {
    /// Only those of its instances, as if there were no others.
    package func selecting(_ isSelected: (InstanceReport) -> Bool) -> FleetReport {
        showing(instances.filter(isSelected), leftOut: leftOut)
    }

    /// `12 instances`, or `2 of 12 instances` if only some are shown.
    var shownCount: String {
        leftOut == 0 ? counted(instances.count, "instance") : "\(instances.count) of \(counted(instances.count + leftOut, "instance"))"
    }
}
