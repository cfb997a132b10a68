internal import ConvoyRun
import ConvoyText
internal import FoundationEssentials

extension DriftReport {
    /// OpenMetrics text: gauges of the fleet, and of each kind of object; no series that an instance or a name of an object multiplies.
    package var openMetrics: String {
        var text = OpenMetricsText()
        add(to: &text)
        return text.text
    }

    /// Adds the gauges to a text that has others.
    func add(to text: inout OpenMetricsText) {
        let fleet: OpenMetricsText.Label = ("fleet", fleet)
        text.add(
            "convoy_drift_instances",
            "Instances by whether their schema is that of their version.",
            [
                ([fleet, ("drift", "none")], "\(instances - drifted - incomparable)"),
                ([fleet, ("drift", "drifted")], "\(drifted)"),
                ([fleet, ("drift", "not-compared")], "\(incomparable)"),
                ([fleet, ("drift", "unread")], "\(unread.count)"),
            ]
        )
        text.add("convoy_drift_cohorts", "Cohorts: versions with one schema.", [([fleet], "\(cohorts.count)")])
        var kinds: [String: Int] = [:]
        for cohort in cohorts {
            for kind in Set(cohort.differences.map(\.kind)) { kinds[kind, default: 0] += cohort.instances.count }
        }
        text.add(
            "convoy_drift_kind_instances",
            "Instances of which an object of this kind differs.",
            kinds.sorted { $0.key < $1.key }.map { ([fleet, ("kind", $0.key)], "\($0.value)") }
        )
        text.add(
            "convoy_drift_timestamp_seconds",
            "When the catalogues were read.",
            unit: "seconds",
            [([fleet], JSONValue.seconds(generatedAt.timeIntervalSince1970).line)]
        )
    }
}
