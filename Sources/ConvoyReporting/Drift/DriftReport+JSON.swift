import ConvoyMigrations
internal import ConvoyRun
package import ConvoyText
internal import FoundationEssentials

extension DriftReport {
    /// `convoy.drift/1`, as its JSON Schema has it.
    package var json: JSONValue {
        let json: JSONValue = [
            "schema": "convoy.drift/1",
            "fleet": .string(fleet),
            "generated_at": .string(generatedAt.rfc3339),
            "summary": [
                "instances": .integer(instances), "cohorts": .integer(cohorts.count), "drifted": .integer(drifted),
                "unread": .integer(unread.count),
            ],
            "cohorts": .array(cohorts.map(\.json)),
            "unread": .array(
                unread.map {
                    [
                        "instance": .string($0.instance), "outcome": .string($0.failure.kind.rawValue),
                        "message": .string($0.failure.message), "hint": .optional($0.failure.hint),
                    ]
                }
            ),
        ]
        guard let grouping else { return json }
        let groups: [JSONValue] = grouping.groups.map {
            [
                "name": .optional($0.name),
                "instances": .integer($0.instances),
                "cohorts": .integer($0.cohorts),
                "drifted": .integer($0.drifted),
            ]
        }
        return json.inserting("by", .string("label.\(grouping.label)"), behind: "generated_at")
            .inserting("groups", .array(groups), behind: "summary")
    }
}

extension DriftReport.Cohort {
    fileprivate var json: JSONValue {
        [
            "cohort": .string(name),
            "version": .optional(version?.description),
            "instances": .strings(instances),
            "drifted": .bool(isDrifted),
            "problem": .optional(problem),
            "left_out": .integer(leftOut),
            "differences": .array(
                differences.map {
                    [
                        "kind": .string($0.kind),
                        "object": .string($0.object),
                        "change": .string($0.change),
                        "expected": .optional($0.expected),
                        "found": .optional($0.found),
                        "sql": .optional($0.sql),
                    ]
                }
            ),
        ]
    }
}
