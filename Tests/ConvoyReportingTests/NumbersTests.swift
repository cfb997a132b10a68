import ConvoyMigrations
import ConvoyRollout
import ConvoyRun
import TestSupport
import Testing

@testable import ConvoyReporting
@testable import ConvoyText

/// Numbers add up, whatever the fleet is: the parts make the whole.
struct NumbersTests {
    /// The whole numbers of a text, in order; digits inside words do not count.
    private static func numbers(_ text: some StringProtocol) -> [Int] {
        text.split { !$0.isLetter && !$0.isNumber }.compactMap { Int($0) }
    }

    @Test(arguments: 0..<200)
    func ofAPlan(_ seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(seed))
        let all = RandomFleet.statuses(&random)
        // No wave has the skipped ones.
        let (statuses, skipped) = (all.filter { $0.skip == nil }, all.filter { $0.skip != nil })
        let cut = Int.random(in: 0...statuses.count, using: &random)
        let plan = PlanReport(
            fleet: "f",
            direction: .up,
            target: nil,
            generatedAt: moment(),
            waves: [
                .init(name: "one", maxParallel: nil, instances: Array(statuses[..<cut])),
                .init(name: "two", maxParallel: nil, instances: Array(statuses[cut...])),
            ],
            skipped: skipped,
            migrationNames: [:]
        )
        #expect(plan.changedInstances + plan.settledInstances + plan.blockedInstances == statuses.count)
        #expect(plan.changedInstances == statuses.count { $0.outcome == .pending })
        #expect(plan.migrations.reduce(0) { $0 + $1.instances } == plan.migrationCount)
        #expect(plan.summary.outcomes.values.reduce(0, +) == statuses.count)

        // The question and the last line say the same, and what they say adds up.
        let question = Self.numbers(plan.question)
        let verdict = try #require(plan.table(OutputStyle()).split(separator: "\n").last)
        if plan.changedInstances > 0 {
            #expect(Array(question.prefix(3)) == [plan.migrationCount, plan.changedInstances, statuses.count])
            let said = Self.numbers(verdict)
            #expect(Array(said.prefix(3)) == Array(question.prefix(3)))
            let parts = said[1] + said.dropFirst(4).reduce(0, +)
            #expect(parts == all.count, "\(verdict)")
        } else {
            #expect(Self.numbers(verdict).reduce(0, +) == all.count, "\(verdict)")
        }
    }

    @Test(arguments: 0..<200)
    func ofAReport(_ seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(seed) &+ 1000)
        let statuses = RandomFleet.statuses(&random)
        let report = FleetReport(fleet: "f", target: newest, statuses: statuses, at: moment())
        let summary = report.summary
        #expect(summary.instances == statuses.count)
        #expect(summary.outcomes.values.reduce(0, +) == statuses.count)
        #expect(summary.versionRows.reduce(0) { $0 + $1.count } == statuses.count)
        #expect(report.failureGroups.reduce(0) { $0 + $1.instances.count } == summary.badInstances)
        for grouping in [ReportGrouping.version, .server, .outcome, .label("ring")] {
            let groups = GroupsReport(report, by: grouping).groups
            #expect(groups.reduce(0) { $0 + $1.summary.instances } == statuses.count)
        }
        let lines = report.statusTable(OutputStyle()).split(separator: "\n")
        let verdict = try #require(lines.last?.replacing(/\(\d+ accepted\)/, with: ""))
        #expect(lines.count { $0.hasSuffix(" away") } == statuses.count { $0.skip != nil })
        #expect(summary.accepted == statuses.count { $0.outcome == .ahead && $0.failure == nil })
        let said = Self.numbers(verdict.prefix { $0 != "," } + verdict.drop { $0 != "," })
        #expect(said.first == statuses.count)
        #expect(said.dropFirst().filter { $0 <= statuses.count }.reduce(0, +) == statuses.count, "\(verdict)")

        // Of the screen with bars, where rows are left out, what is left is one row.
        for block in report.summaryScreen(OutputStyle()).split(separator: "\n\n").filter({ $0.contains("INSTANCES") }) {
            let lines = block.split(separator: "\n").drop { !$0.contains("INSTANCES") }.dropFirst()
            guard block.contains("OUTCOME") || block.contains("VERSION  ") else { continue }
            let counts = lines.compactMap { line in
                Self.numbers(line.split(separator: "%").first.map { $0.split(separator: " ").dropLast().last ?? "" } ?? "").last
            }
            #expect(counts.reduce(0, +) == statuses.count, "\(block)")
        }
    }

    @Test(arguments: 0..<100)
    func ofARun(_ seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed) &+ 2000)
        let names = (0..<Int.random(in: 1...30, using: &random)).map { "i\($0)" }
        let cut = Int.random(in: 0...names.count, using: &random)
        let waves = [PlannedWave(name: "one", instances: Array(names[..<cut])), PlannedWave(name: "two", instances: Array(names[cut...]))]
        var report = FleetReport()
        report.apply(Event(at: moment(), .runStarted(run: "r", fleet: "f", waves: waves)))
        for (index, name) in names.enumerated() where Int.random(in: 0...3, using: &random) > 0 {
            report.apply(Event(at: moment(), .instanceStarted(instance: name, wave: index < cut ? "one" : "two")))
            guard Bool.random(using: &random) else { continue }
            let outcome = Outcome.allCases.randomElement(using: &random) ?? .migrated
            report.apply(Event(at: moment(1), .instanceFinished(instance: name, result: InstanceResult(outcome: outcome))))
        }
        #expect(report.summary.outcomes.values.reduce(0, +) == names.count)
        for wave in report.waves { #expect(wave.allOutcomes.values.reduce(0, +) == wave.instances) }
        #expect(report.waves.reduce(0) { $0 + $1.instances } == names.count)
        #expect(report.finishedInstances + report.running.count <= names.count)
    }
}
