internal import ConvoyMigrations
import ConvoyRollout
package import ConvoyRun
import ConvoyText
package import FoundationEssentials

extension FleetReport {
    /// `convoy.ndjson/1`, as its JSON Schema has each line: the report, then every instance, then every group of failures.
    ///
    /// A line can be read alone: each has its type, the fleet and when it was written. The first line has the counts, so that a reader knows how
    /// many instances follow.
    package func ndjson(state: RunState? = nil, at now: Date) -> String {
        let head = { (type: String) -> [(String, JSONValue)] in
            [("schema", "convoy.ndjson/1"), ("type", .string(type)), ("fleet", .string(fleet)), ("generated_at", .string(now.rfc3339))]
        }
        let (instance, failure) = (head("instance"), head("failure"))
        var text = JSONValue.object(.init(head("report") + reportFacts(state))).line + "\n"
        for report in instances { text += report.reportJSON.prefixed(by: instance).line + "\n" }
        for group in failureGroups { text += group.json.prefixed(by: failure).line + "\n" }
        return text
    }
}
