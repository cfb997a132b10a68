internal import ConvoyMigrations
internal import ConvoyRollout
import ConvoyRun
import ConvoyText
package import FoundationEssentials

extension FleetReport {
    /// JUnit's XML as Jenkins, GitLab and Surefire read it: one test case for each instance, in one suite for each wave, or for each server
    /// without a run.
    ///
    /// A bad outcome is a failure whose type is the outcome; pending instances are skipped. Times are those of the migrations.
    package func junit(at now: Date) -> String {
        let suites = junitSuites
        let times = suites.map { $0.instances.reduce(Duration.zero) { $0 + ($1.workTime ?? .zero) } }
        var xml = XMLText()
        xml.begin(
            "testsuites",
            [
                "name": fleet.isEmpty ? "convoy" : fleet, "tests": String(instances.count), "failures": String(summary.badInstances),
                "errors": "0", "time": Self.junitTime(times.reduce(.zero, +)),
            ]
        )
        for (suite, time) in zip(suites, times) {
            xml.begin(
                "testsuite",
                [
                    "name": suite.name, "tests": String(suite.instances.count),
                    "failures": String(suite.instances.count { !$0.judgedOutcome.isGood }), "errors": "0",
                    "skipped": String(suite.instances.count { [.pending, .skipped].contains($0.outcome) }), "time": Self.junitTime(time),
                    // Without a zone, as the schema of Jenkins has it; it is UTC.
                    "timestamp": String((log.startedAt ?? lookedAt ?? now).rfc3339.prefix(19)),
                ]
            )
            for instance in suite.instances { instance.write(to: &xml, className: suite.name) }
            xml.end()
        }
        xml.end()
        return xml.text
    }

    private var junitSuites: [(name: String, instances: [InstanceReport])] {
        var suites: [(name: String, instances: [InstanceReport])] = []
        var indices: [String: Int] = [:]
        for instance in instances {
            let name = instance.wave ?? instance.server ?? "fleet"
            if let index = indices[name] {
                suites[index].instances.append(instance)
            } else {
                indices[name] = suites.count
                suites.append((name, [instance]))
            }
        }
        return suites
    }

    fileprivate static func junitTime(_ duration: Duration) -> String { JSONValue.seconds(duration.seconds).line }
}

extension InstanceReport {
    fileprivate func write(to xml: inout XMLText, className: String) {
        let attributes: XMLText.Attributes = [
            "name": log.name, "classname": className, "time": FleetReport.junitTime(workTime ?? .zero),
        ]
        if outcome == .pending {
            let count = due?.count ?? 0
            xml.begin("testcase", attributes)
            xml.add("skipped", ["message": count == 0 ? "pending" : "\(counted(count, "migration")) pending"])
            xml.end()
        } else if let reason = facts.skip {
            xml.begin("testcase", attributes)
            xml.add("skipped", ["message": reason])
            xml.end()
        } else if !judgedOutcome.isGood {
            xml.begin("testcase", attributes)
            xml.add(
                "failure",
                ["type": outcome.rawValue, "message": failure?.message ?? outcome.rawValue],
                content: failure?.plainText ?? outcome.rawValue
            )
            xml.end()
        } else if let edited = facts.probe?.status.edited, !edited.isEmpty {
            xml.begin("testcase", attributes)
            xml.add("system-out", content: "edited since they were applied: \(edited.map(\.description).joined(separator: ", "))")
            xml.end()
        } else {
            xml.add("testcase", attributes)
        }
    }
}

extension Failure {
    /// All details of the failure, line by line.
    fileprivate var plainText: String {
        var lines = [message]
        if let place { lines.append(place) }
        if let sqlstate { lines.append("SQLSTATE \(sqlstate)") }
        if let version { lines.append("migration: \(version)") }
        if let excerpt = excerpt() { lines += excerpt.marked().map { "    " + $0 } }
        if let detail { lines.append("detail: \(detail)") }
        if let lockedBy { lines.append("locked by: \(lockedBy.text)") }
        if let serverHint { lines.append("the server's hint: \(serverHint)") }
        if let hint { lines.append("hint: \(hint)") }
        return lines.joined(separator: "\n")
    }
}
