import ConvoyMigrations
import ConvoyRun
import Foundation
import TestSupport
import Testing

@testable import ConvoyReporting
@testable import ConvoyText

/// The numbers of every format add up, and are the same numbers: the parts make the whole, for random fleets and runs.
struct FormatNumbersTests {
    /// What a report is to say, counted without it.
    private struct Count {
        var instances: Int
        var outcomes: [String: Int]
        var versions: Int
        var bad: Int

        init(_ instances: [InstanceReport]) {
            self.instances = instances.count
            outcomes = Dictionary(instances.map { ($0.outcome.rawValue, 1) }, uniquingKeysWith: +)
            versions = instances.count { $0.version != nil }
            bad = instances.count { !($0.outcome.isGood || $0.outcome == .ahead && $0.failure == nil) }
        }
    }

    /// A probe, a run, or a run and a probe before or after its end; with releases or without.
    private static func report(_ seed: Int) -> FleetReport {
        var random = SeededGenerator(seed: UInt64(seed) &+ 3000)
        let statuses = RandomFleet.statuses(&random)
        var report = FleetReport(fleet: "f", target: newest, statuses: statuses, at: moment())
        if seed % 3 > 0 {
            report = FleetReport()
            // The fleet may have instances that the run leaves out.
            let names = statuses.filter { $0.skip == nil }.map(\.name)
            for event in RandomFleet.run(over: names.dropLast(names.count / 4), &random) { report.apply(event) }
            if seed % 3 == 2 { for status in statuses { report.apply(status, at: moment(Bool.random(using: &random) ? 0.5 : 2)) } }
        }
        if Bool.random(using: &random) { report.apply(RandomFleet.releases) }
        return report
    }

    private func object(_ text: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    private func check(_ summary: Any?, _ count: Count, _ report: FleetReport) throws {
        let summary = try #require(summary as? [String: Any])
        #expect(summary["instances"] as? Int == count.instances)
        #expect(summary["outcomes"] as? [String: Int] == count.outcomes)
        #expect((summary["versions"] as? [String: Int])?.values.reduce(0, +) == count.versions)
        let releases = summary["releases"] as? [String: Int]
        #expect(releases?.values.reduce(0, +) == (report.releases.isEmpty || count.versions == 0 ? nil : count.versions))
    }

    private func check(_ waves: Any?, of report: FleetReport) throws {
        let waves = try #require(waves as? [[String: Any]])
        var total = 0
        for wave in waves {
            let instances = try #require(wave["instances"] as? Int)
            #expect((wave["outcomes"] as? [String: Int])?.values.reduce(0, +) == instances)
            total += instances
        }
        #expect(total == report.instances.count { $0.wave != nil })
    }

    @Test(arguments: 0..<150) func ofJSON(_ seed: Int) throws {
        let report = Self.report(seed)
        let count = Count(report.instances)
        var documents = [report.reportJSON(at: moment(9))]
        if report.run.isEmpty { documents.append(report.statusJSON) } else { documents.append(report.json) }
        for document in documents {
            let json = try object(document.text)
            try check(json["summary"], count, report)
            #expect((json["instances"] as? [Any])?.count == count.instances)
            if let failures = json["failures"] as? [[String: Any]] {
                #expect(failures.reduce(0) { $0 + ($1["count"] as? Int ?? 0) } == count.bad)
                #expect(failures.reduce(0) { $0 + (($1["instances"] as? [String])?.count ?? 0) } == count.bad)
            }
        }
        if !report.run.isEmpty {
            try check(try object(report.json.text)["waves"], of: report)
            let run = try object(report.reportJSON(at: moment(9)).text)["run"] as? [String: Any]
            try check(run?["waves"], of: report)
        }

        let lines = try report.ndjson(at: moment(9)).split(separator: "\n").map { try object(String($0)) }
        try check(lines.first?["summary"], count, report)
        let types = Dictionary(lines.compactMap { $0["type"] as? String }.map { ($0, 1) }, uniquingKeysWith: +)
        #expect(types["instance"] == count.instances)
        #expect(types["failure", default: 0] == report.failureGroups.count)
    }

    @Test(arguments: 0..<150) func ofTables(_ seed: Int) throws {
        let report = Self.report(seed)
        let count = Count(report.instances)

        let rows = report.csv.split(separator: "\r\n").map { $0.split(separator: ",", omittingEmptySubsequences: false) }
        let column = try #require(rows.first?.firstIndex(of: "outcome"))
        #expect(Dictionary(rows.dropFirst().map { (String($0[column]), 1) }, uniquingKeysWith: +) == count.outcomes)

        let markdown = report.markdown(at: moment(9))
        let outcomes = Self.rows(under: "## Outcomes", in: markdown).map { ($0[0], Int($0[1])) }
        #expect(Dictionary(outcomes, uniquingKeysWith: { $1 }) == count.outcomes)
        let versions = Self.rows(under: "## Versions", in: markdown)
        #expect(versions.reduce(0) { $0 + (Int($1.last ?? "") ?? 0) } == count.instances)
        let waves = Self.rows(under: "## Waves", in: markdown)
        for wave in waves {
            let parts = wave[2].split(separator: ", ").compactMap { Int($0.prefix { $0 != " " }) }
            #expect(parts.reduce(0, +) == Int(wave[1]), "\(wave)")
        }
        #expect(waves.isEmpty || waves.reduce(0) { $0 + (Int($1[1]) ?? 0) } == report.instances.count { $0.wave != nil })
        #expect(Self.rows(under: "## Skipped", in: markdown).count == count.outcomes["skipped", default: 0])
    }

    /// The cells of the first table after a heading.
    private static func rows(under heading: String, in markdown: String) -> [[String]] {
        guard let start = markdown.firstRange(of: "\(heading)\n") else { return [] }
        let lines = markdown[start.upperBound...].split(separator: "\n").prefix { $0.hasPrefix("|") }
        return lines.dropFirst(2).map { $0.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) } }
    }

    @Test(arguments: 0..<150) func ofThePage(_ seed: Int) throws {
        let report = Self.report(seed)
        let count = Count(report.instances)
        let page = ReportPage(report, state: report.endState, at: moment(9), names: [:], drift: nil)
        let outcomes = page.outcomes.map { ($0.badge.word, Int($0.count)) }
        #expect(Dictionary(outcomes, uniquingKeysWith: { $1 }) == count.outcomes)
        // The line at its top says the same.
        let said = page.verdict.text.replacing(#/ \(\d+ accepted\)/#, with: "").matches(of: /(\d+) ([a-z-]+)(,|$)/)
        #expect(Dictionary(said.map { (String($0.2), Int($0.1)) }, uniquingKeysWith: { $1 }) == count.outcomes, "\(page.verdict.text)")
        #expect(page.facts.first { $0.term == "Instances" }?.value == "\(count.instances)")
        if report.run.isEmpty, count.bad > 0 { #expect(page.verdict.badge.word == "\(count.bad) not well") }
        // What is rendered has these numbers.
        let html = report.html(state: report.endState, at: moment(9), names: [:])
        #expect(html.contains(page.verdict.text))
    }

    @Test(arguments: 0..<150) func ofMetricsAndTestCases(_ seed: Int) throws {
        let report = Self.report(seed)
        let count = Count(report.instances)
        var sums: [String: Int] = [:]
        for line in report.openMetrics(at: moment(9)).split(separator: "\n") where !line.hasPrefix("#") {
            sums[String(line.prefix { $0 != "{" }), default: 0] += Int(line.split(separator: " ").last ?? "") ?? 0
        }
        #expect(sums["convoy_instances"] == count.instances)
        #expect(sums["convoy_instance_info"] == count.instances)
        #expect(sums["convoy_failures", default: 0] == count.bad)
        #expect(sums["convoy_release_instances", default: 0] == (report.releases.isEmpty ? 0 : count.versions))
        #expect(sums["convoy_run_wave_instances", default: 0] == report.instances.count { $0.wave != nil })

        let xml = report.junit(at: moment(9))
        let whole = try #require(xml.firstMatch(of: /<testsuites [^>]*tests="(\d+)" failures="(\d+)"/))
        #expect(Int(whole.1) == count.instances && Int(whole.2) == count.bad)
        let suites = xml.matches(of: /<testsuite [^>]*tests="(\d+)" failures="(\d+)" errors="0" skipped="(\d+)"/)
        #expect(suites.reduce(0) { $0 + (Int($1.1) ?? 0) } == count.instances)
        #expect(suites.reduce(0) { $0 + (Int($1.2) ?? 0) } == count.bad)
        let waiting = count.outcomes["pending", default: 0] + count.outcomes["skipped", default: 0]
        #expect(suites.reduce(0) { $0 + (Int($1.3) ?? 0) } == waiting)
        #expect(xml.matches(of: #/<testcase /#).count == count.instances)
        #expect(xml.matches(of: #/<failure /#).count == count.bad)
    }

    /// A plan as JSON, up and down, also one whose instances an earlier run chose.
    @Test(arguments: 0..<150) func ofAPlan(_ seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(seed) &+ 4000)
        let all = RandomFleet.statuses(&random)
        let (statuses, skipped) = (all.filter { $0.skip == nil }, all.filter { $0.skip != nil })
        let cut = Int.random(in: 0...statuses.count, using: &random)
        let words = "did not end well in run r"
        let choice = PlanReport.Choice(run: "r", outcomes: [], words: words, instances: all.count)
        let plan = PlanReport(
            fleet: "f",
            direction: Bool.random(using: &random) ? .up : .down,
            target: newest,
            generatedAt: moment(),
            waves: [
                .init(name: "one", maxParallel: nil, instances: Array(statuses[..<cut])),
                .init(name: "two", maxParallel: nil, instances: Array(statuses[cut...])),
            ],
            skipped: skipped,
            choice: Bool.random(using: &random) ? choice : nil,
            migrationNames: [:],
            releases: Bool.random(using: &random) ? RandomFleet.releases : ReleaseList()
        )
        let json = try object(plan.json.text)
        let summary = try #require(json["summary"] as? [String: Any])
        #expect(summary["instances"] as? Int == statuses.count)
        #expect((summary["outcomes"] as? [String: Int])?.values.reduce(0, +) == statuses.count)
        let versions = statuses.count { $0.version != nil }
        #expect((summary["versions"] as? [String: Int])?.values.reduce(0, +) == versions)
        if !plan.releases.isEmpty, versions > 0 {
            #expect((summary["releases"] as? [String: Int])?.values.reduce(0, +) == versions)
        }
        let instances = try #require(json["instances"] as? [[String: Any]])
        #expect(instances.count == statuses.count)
        #expect(instances.count { $0["accepted"] as? Bool == true } == statuses.count { $0.outcome == .ahead && $0.failure == nil })
        let waves = try #require(json["waves"] as? [[String: Any]])
        #expect(waves.reduce(0) { $0 + ($1["instances"] as? Int ?? 0) } == statuses.count)
        for wave in waves {
            #expect(instances.count { $0["wave"] as? String == wave["name"] as? String } == wave["instances"] as? Int)
        }
        #expect((json["skipped"] as? [Any] ?? []).count == skipped.count)
        let migrations = try #require(json["migrations"] as? [[String: Any]])
        let due = instances.filter { $0["outcome"] as? String == "pending" }
        #expect(
            migrations.reduce(0) { $0 + ($1["instances"] as? Int ?? 0) }
                == due.reduce(0) { $0 + (($1["pending"] as? [String])?.count ?? 0) }
        )
        // Everything that was chosen is in a wave or skipped, and the line says how many that are.
        let chosen = json["chosen_by"] as? [String: Any]
        #expect(chosen?["instances"] as? Int == plan.choice.map { _ in statuses.count + skipped.count })
        let table = plan.table(OutputStyle())
        let line = all.count == 1 ? "selected: 1 instance that \(words)" : "selected: \(all.count) instances that \(words)"
        #expect(table.contains(line) == (plan.choice != nil))
        #expect(table.split(separator: "\n").count { $0.hasSuffix(" away") } == skipped.count)
    }
}
