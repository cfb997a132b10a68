import ConvoyMigrations
import ConvoyRollout
import ConvoyRun
import Foundation
import TestSupport
import Testing

@testable import ConvoyReporting
@testable import ConvoyText

@Suite(.timeLimit(.minutes(1)))
struct OpenMetricsTests {
    @Test(arguments: [
        ("ring", "ring"), ("a.b/c", "a_b_c"), ("Zoë", "Zo_"), ("1", "1"), ("", ""),
    ])
    func labelsGetNamesThatMayBe(_ key: String, _ expected: String) {
        #expect(OpenMetricsText.labelName(key) == expected)
    }

    @Test func labelsThatWouldBeOneAreToldApart() {
        let text = hostileReport.openMetrics(at: moment(60))
        #expect(text.contains("label_a_b=\"dot\""))
        #expect(text.contains("label_a_b_2=\""))
    }

    /// Whether Scripts/install has fetched the parser; with CI in the environment it must be there.
    private static let canParse =
        FileManager.default.fileExists(atPath: parserFolder + "/prometheus_client") || ProcessInfo.processInfo.environment["CI"] != nil
    private static let parserFolder = "\(repositoryRoot)/.servers/python"

    /// Type, name, labels and value of each sample as the client library of Prometheus reads them, a line of JSON each.
    private static let script = """
        import json, sys
        from prometheus_client import parser
        from prometheus_client.openmetrics import parser as openmetrics
        text = sys.stdin.read()
        samples = lambda families: [[family.type, *sample[:3]] for family in families for sample in family.samples]
        found = samples(openmetrics.text_string_to_metric_families(text))
        # What is written as a file for a node's exporter is read as the older format; counters are only for a scrape.
        assert "counter" in text or found == samples(parser.text_string_to_metric_families(text))
        for sample in found:
            print(json.dumps(sample))
        """

    private func parse(
        _ report: FleetReport,
        state: RunState? = nil,
        probes: ProbeMetrics? = nil,
        totals: RunTotals? = nil
    ) async throws -> [[Any]] {
        let process = try ChildProcess(
            "/usr/bin/env",
            ["python3", "-c", Self.script],
            environment: ["PYTHONPATH": Self.parserFolder, "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"],
            timeLimit: .seconds(50)
        )
        try process.write(report.openMetrics(state: state, probes: probes, totals: totals, at: moment(60)))
        process.closeInput()
        let end = await process.wait()
        try #require(end.status == .exited(0), "\(end.standardError)")
        return try end.standardOutput.split(separator: "\n").map { line in
            try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [Any])
        }
    }

    @Test(.enabled(if: canParse, "Scripts/install --servers fetches prometheus-client")) func theProbesOfADashboardAreReported()
        async throws
    {
        func values(_ probes: ProbeMetrics?) async throws -> [String: Double] {
            let samples = try await parse(hostileReport, probes: probes)
            return samples.reduce(into: [:]) { values, sample in
                if let name = sample[1] as? String, name.hasPrefix("convoy_probe_") { values[name] = sample[3] as? Double }
            }
        }
        #expect(try await values(nil) == [:])
        #expect(try await values(ProbeMetrics(interval: nil, endedAt: nil, hasFailed: false)) == ["convoy_probe_failed": 0])
        #expect(
            try await values(ProbeMetrics(interval: .seconds(300), endedAt: moment(), hasFailed: true)) == [
                "convoy_probe_interval_seconds": 300, "convoy_probe_timestamp_seconds": 1_786_179_600, "convoy_probe_failed": 1,
            ]
        )
    }

    @Test(.enabled(if: canParse, "Scripts/install --servers fetches prometheus-client")) func countersAndHistogramsAreRead() async throws {
        var totals = RunTotals()
        totals.add(3, Outcome.migrated)
        totals.add(1, RunEnding.succeeded)
        totals.add(RunTotals.Durations(counts: [1, 1, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3], count: 4, seconds: 4000.25), .up)
        let samples = try await parse(hostileReport, totals: totals)
        let fleet = hostileReport.fleet
        let value = { (type: String, name: String, labels: [String: String]) in
            samples.first { $0[0] as? String == type && $0[1] as? String == name && $0[2] as? [String: String] == labels }?[3] as? Double
        }
        #expect(value("counter", "convoy_instances_ended_total", ["fleet": fleet, "outcome": "migrated"]) == 3)
        #expect(value("counter", "convoy_instances_ended_total", ["fleet": fleet, "outcome": "failed"]) == 0)
        #expect(value("counter", "convoy_runs_ended_total", ["fleet": fleet, "status": "succeeded"]) == 1)
        #expect(value("counter", "convoy_migrations_applied_total", ["fleet": fleet, "direction": "up"]) == 4)
        let up = ["fleet": fleet, "direction": "up"]
        #expect(value("histogram", "convoy_migration_duration_seconds_bucket", up.merging(["le": "0.1"]) { $1 }) == 2)
        #expect(value("histogram", "convoy_migration_duration_seconds_bucket", up.merging(["le": "3600.0"]) { $1 }) == 3)
        #expect(value("histogram", "convoy_migration_duration_seconds_bucket", up.merging(["le": "+Inf"]) { $1 }) == 4)
        #expect(value("histogram", "convoy_migration_duration_seconds_count", up) == 4)
        #expect(value("histogram", "convoy_migration_duration_seconds_sum", up) == 4000.25)
        // Without them the text is one for a node's exporter too.
        #expect(!hostileReport.openMetrics(at: moment()).contains(" counter\n"))
    }

    @Test(.enabled(if: canParse, "Scripts/install --servers fetches prometheus-client")) func theClientLibraryReadsIt() async throws {
        for report in [FleetReport(), statusReport, report(troubledRun), hostileReport] {
            let samples = try await parse(report)
            let names = samples.filter { $0[1] as? String == "convoy_instance_info" }.compactMap { ($0[2] as? [String: String])?["name"] }
            #expect(names.count == report.instances.count)
            #expect(Set(names).count == names.count)
        }
    }

    @Test(.enabled(if: canParse, "Scripts/install --servers fetches prometheus-client")) func theValuesAreThoseOfTheReport() async throws {
        let samples = try await parse(report(troubledRun), state: .ended(.halted))
        let value = { (name: String, labels: [String: String]) in
            samples.first { $0[1] as? String == name && $0[2] as? [String: String] == labels }?[3] as? Double
        }
        let fleet = "teslamate-eu"
        #expect(value("convoy_instances", ["fleet": fleet, "outcome": "failed"]) == 1)
        #expect(value("convoy_instances", ["fleet": fleet, "outcome": "ahead"]) == 0)
        #expect(value("convoy_failures", ["fleet": fleet, "outcome": "failed", "sqlstate": "22003"]) == 1)
        #expect(value("convoy_run_status", ["fleet": fleet, "status": "halted"]) == 1)
        #expect(value("convoy_run_status", ["fleet": fleet, "status": "succeeded"]) == 0)
        #expect(value("convoy_run_duration_seconds", ["fleet": fleet]) == 3.5)
        #expect(value("convoy_run_started_timestamp_seconds", ["fleet": fleet]) == moment().timeIntervalSince1970)
        #expect(value("convoy_instance_version", ["fleet": fleet, "name": "alice"]) == 20_260_808_090_000)
        #expect(value("convoy_run_wave_instances", ["fleet": fleet, "wave": "rest", "outcome": "pending"]) == 1)
    }
}
