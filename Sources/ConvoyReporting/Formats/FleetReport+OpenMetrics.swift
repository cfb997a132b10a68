internal import ConvoyMigrations
import ConvoyRollout
package import ConvoyRun
import ConvoyText
package import FoundationEssentials

/// What the metrics report of a dashboard's own probes.
package struct ProbeMetrics: Sendable {
    /// From one probe to the next; nil if only requests start one.
    package var interval: Duration?
    /// When the last one ended that found something; nil before that.
    package var endedAt: Date?
    /// Whether the newest one could not begin.
    package var hasFailed: Bool

    package init(interval: Duration?, endedAt: Date?, hasFailed: Bool) {
        self.interval = interval
        self.endedAt = endedAt
        self.hasFailed = hasFailed
    }
}

/// What the metrics report of a dashboard's comparisons with `convoy drift`.
package struct DriftMetrics: Sendable {
    /// From one comparison to the next; nil if only requests start one.
    package var interval: Duration?
    /// The last one that found something; nil before that.
    package var report: DriftReport?
    /// Whether the newest one could not begin.
    package var hasFailed: Bool

    package init(interval: Duration?, report: DriftReport?, hasFailed: Bool) {
        self.interval = interval
        self.report = report
        self.hasFailed = hasFailed
    }
}

extension FleetReport {
    /// What an HTTP answer with ``openMetrics(state:at:)`` says that it is.
    package static let openMetricsMediaType = "application/openmetrics-text; version=1.0.0; charset=utf-8"

    /// OpenMetrics text: gauges of the fleet, of the run and of each instance, and for a dashboard what all runs count.
    ///
    /// There are four series for each instance in addition to those of the fleet, and no series that a message or a run's id multiplies. An
    /// instance's label is `name`: `instance` is what a scrape names its target.
    ///
    /// - Parameters:
    ///   - state: what the journal knows of the run in addition to its events.
    ///   - probes: of the dashboard that reports; nil for a report.
    ///   - drift: likewise.
    ///   - totals: of all runs of the fleet; nil for a report, which may become a file for a node's exporter.
    package func openMetrics(
        state: RunState? = nil,
        probes: ProbeMetrics? = nil,
        drift: DriftMetrics? = nil,
        totals: RunTotals? = nil,
        at now: Date
    ) -> String {
        var text = OpenMetricsText()
        let fleet: OpenMetricsText.Label = ("fleet", fleet)
        addFleet(to: &text, fleet)
        if let probes { add(probes, to: &text, fleet) }
        if let drift { add(drift, to: &text, fleet) }
        if !log.run.isEmpty { addRun(to: &text, fleet, state ?? endState, now) }
        addInstances(to: &text, fleet)
        if let totals { text.add(totals, fleet) }
        return text.text
    }

    private func addFleet(to text: inout OpenMetricsText, _ fleet: OpenMetricsText.Label) {
        let outcomes = summary.outcomes
        text.add(
            "convoy_instances",
            "Instances of the fleet by outcome.",
            Outcome.allCases.map { ([fleet, ("outcome", $0.rawValue)], String(outcomes[$0] ?? 0)) }
        )
        text.add(
            "convoy_release_instances",
            "Instances by the release of the app that their schema has.",
            summary.releases.sorted { $0.key < $1.key }.map { ([fleet, ("release", $0.key.text)], String($0.value)) }
        )
        text.add(
            "convoy_edited_instances",
            "Instances that had applied a migration before its file was edited, by version.",
            editedMigrations.map { ([fleet, ("version", $0.version.description)], String($0.instances.count)) }
        )
        var failures: [Outcome: [String: Int]] = [:]
        for instance in instances {
            if let failure = instance.failure { failures[instance.outcome, default: [:]][failure.sqlstate ?? "", default: 0] += 1 }
        }
        text.add(
            "convoy_failures",
            "Instances that are not well, by outcome and SQLSTATE.",
            Outcome.allCases.flatMap { outcome in
                (failures[outcome] ?? [:]).sorted { $0.key < $1.key }.map {
                    ([fleet, ("outcome", outcome.rawValue), ("sqlstate", $0.key)], String($0.value))
                }
            }
        )
        if let target {
            text.add("convoy_target_version", "The newest version of the migration set.", [([fleet], target.description)])
        }
        if let lookedAt {
            text.add(
                "convoy_setback_instances",
                "Instances whose databases are behind what the journal or their audit log knows of them.",
                [([fleet], String(setbacks.count))]
            )
            text.add(
                "convoy_looked_at_timestamp_seconds",
                "When the instances were last looked at.",
                unit: "seconds",
                [([fleet], Self.seconds(lookedAt))]
            )
        }
    }

    private func add(_ probes: ProbeMetrics, to text: inout OpenMetricsText, _ fleet: OpenMetricsText.Label) {
        if let interval = probes.interval {
            text.add(
                "convoy_probe_interval_seconds",
                "How often the dashboard probes the whole fleet by itself.",
                unit: "seconds",
                [([fleet], JSONValue.seconds(interval.seconds).line)]
            )
        }
        if let endedAt = probes.endedAt {
            text.add(
                "convoy_probe_timestamp_seconds",
                "When the dashboard's last probe of the whole fleet ended.",
                unit: "seconds",
                [([fleet], Self.seconds(endedAt))]
            )
        }
        text.add(
            "convoy_probe_failed",
            "1 if the dashboard's newest probe could not begin, for example because the fleet file is not valid.",
            [([fleet], probes.hasFailed ? "1" : "0")]
        )
    }

    private func add(_ drift: DriftMetrics, to text: inout OpenMetricsText, _ fleet: OpenMetricsText.Label) {
        if let interval = drift.interval {
            text.add(
                "convoy_drift_interval_seconds",
                "How often the dashboard compares the whole fleet by itself.",
                unit: "seconds",
                [([fleet], JSONValue.seconds(interval.seconds).line)]
            )
        }
        drift.report?.add(to: &text)
        text.add(
            "convoy_drift_failed",
            "1 if the dashboard's newest comparison could not begin, for example because the migration set has no catalogue.",
            [([fleet], drift.hasFailed ? "1" : "0")]
        )
    }

    private func addRun(to text: inout OpenMetricsText, _ fleet: OpenMetricsText.Label, _ state: RunState, _ now: Date) {
        text.add("convoy_run_info", "1 for the run that is reported on.", [([fleet, ("run", log.run)], "1")])
        text.add(
            "convoy_run_status",
            "1 for how the run stands, 0 for how it does not.",
            RunState.allCases.map { ([fleet, ("status", $0.text)], $0 == state ? "1" : "0") }
        )
        if let startedAt = log.startedAt {
            text.add("convoy_run_started_timestamp_seconds", "When the run began.", unit: "seconds", [([fleet], Self.seconds(startedAt))])
            text.add(
                "convoy_run_duration_seconds",
                "How long the run took, or has taken so far.",
                unit: "seconds",
                [([fleet], JSONValue.seconds(log.duration(at: now).seconds).line)]
            )
        }
        if let finishedAt = log.finishedAt {
            text.add("convoy_run_finished_timestamp_seconds", "When the run ended.", unit: "seconds", [([fleet], Self.seconds(finishedAt))])
        }
        text.add(
            "convoy_run_wave_instances",
            "Instances of each wave of the run, by outcome.",
            log.waves.flatMap { wave in
                wave.allOutcomes.ordered.map { ([fleet, ("wave", wave.name), ("outcome", $0.outcome.rawValue)], String($0.count)) }
            }
        )
    }

    private func addInstances(to text: inout OpenMetricsText, _ fleet: OpenMetricsText.Label) {
        let labels = Self.labelNames(Set(instances.flatMap(\.labels.keys)))
        text.add(
            "convoy_instance_info",
            "1, with what is known of an instance; its own labels are label_KEY.",
            instances.map { instance in
                let facts: [OpenMetricsText.Label] = [
                    fleet, ("name", instance.name), ("server", instance.server ?? ""), ("database", instance.database ?? ""),
                    ("server_version", instance.probe?.status.serverVersion ?? ""), ("wave", instance.wave ?? ""),
                    ("outcome", instance.outcome.rawValue),
                ]
                let release: [OpenMetricsText.Label] = releases.isEmpty ? [] : [("release", instance.release?.text ?? "")]
                return (facts + release + labels.compactMap { label in instance.labels[label.key].map { (label.name, $0) } }, "1")
            }
        )
        text.add(
            "convoy_instance_version",
            "The newest version that an instance has applied; exact up to 16 digits.",
            instances.compactMap { instance in instance.version.map { ([fleet, ("name", instance.name)], $0.description) } }
        )
        text.add(
            "convoy_instance_pending_migrations",
            "Migrations that an instance has not applied yet.",
            instances.compactMap { instance in instance.due.map { ([fleet, ("name", instance.name)], String($0.count)) } }
        )
        text.add(
            "convoy_instance_last_migrated_timestamp_seconds",
            "Since when an instance is on its version.",
            unit: "seconds",
            instances.compactMap { instance in
                instance.since.map { ([fleet, ("name", instance.name)], Self.seconds($0)) }
            }
        )
    }

    /// The metric label of each of the fleet's labels; a number distinguishes two that would be equal.
    private static func labelNames(_ keys: Set<String>) -> [(key: String, name: String)] {
        var taken: Set<String> = []
        return keys.sorted().map { key in
            let name = "label_" + OpenMetricsText.labelName(key)
            var unique = name
            var number = 2
            while !taken.insert(unique).inserted {
                unique = "\(name)_\(number)"
                number += 1
            }
            return (key, unique)
        }
    }

    private static func seconds(_ date: Date) -> String { JSONValue.seconds(date.timeIntervalSince1970).line }
}
