package import ConvoyMigrations
import ConvoyRollout
import ConvoyRun
package import ConvoyText
package import FoundationEssentials

extension RunComparison {
    /// `convoy.comparison/1`, as its JSON Schema has it.
    package func json(names: [MigrationVersion: String] = [:], at now: Date) -> JSONValue {
        [
            "schema": "convoy.comparison/1",
            "generated_at": .string(now.rfc3339),
            "first": first.json,
            "second": second.json,
            "migrations": .array(
                migrations.map { migration in
                    [
                        "version": .string(migration.version.description),
                        "name": .optional(names[migration.version]),
                        "direction": .string(migration.direction.rawValue),
                        "first": migration.first?.figures ?? .null,
                        "second": migration.second?.figures ?? .null,
                        "ratio": [
                            "p50": .optional(migration.ratio(0.5)), "p95": .optional(migration.ratio(0.95)),
                            "max": .optional(migration.ratio(1)),
                        ],
                    ]
                }
            ),
            "instances": [
                "shared": .integer(sharedInstances),
                "only_in_first": .strings(onlyInFirst),
                "only_in_second": .strings(onlyInSecond),
                "different": .array(
                    differences.map {
                        ["name": .string($0.instance), "first": .string($0.first.rawValue), "second": .string($0.second.rawValue)]
                    }
                ),
            ],
            "failures": [
                "gone": .array(goneFailures.map(\.json)),
                "new": .array(newFailures.map(\.json)),
                "lasting": .array(lastingFailures.map(\.json)),
            ],
        ]
    }
}

extension RunComparison.Side {
    fileprivate var json: JSONValue {
        [
            "run": .string(report.run),
            "fleet": .string(report.fleet),
            "status": .string(state.text),
            "started_at": .optional(report.startedAt?.rfc3339),
            "finished_at": .optional(report.finishedAt?.rfc3339),
            "summary": report.summary.json,
        ]
    }
}

extension JSONValue {
    /// A ratio, to the millionth.
    fileprivate static func optional(_ ratio: Double?) -> JSONValue { ratio.map { .seconds($0) } ?? .null }
}
