internal import ConvoyMigrations
package import ConvoyRollout

extension DurationsReport {
    /// `convoy.durations/1`, as its JSON Schema has it.
    package var json: JSONValue {
        [
            "schema": "convoy.durations/1",
            "journal": .string(journal),
            "generated_at": .string(generatedAt.rfc3339),
            "runs": .strings(runs),
            "migrations": .array(
                migrations.map { .object(.init($0.members + [("name", .optional(names[$0.version]))])) }
            ),
        ]
    }
}

extension MigrationDurations {
    package var json: JSONValue { .object(.init(members)) }

    fileprivate var members: [(String, JSONValue)] {
        [
            ("version", .string(version.description)),
            ("direction", .string(direction.rawValue)),
            ("instances", .integer(count)),
            ("p50", .seconds(median.seconds)),
            ("p95", .seconds(percentile(0.95).seconds)),
            ("max", .seconds(maximum.seconds)),
            ("slowest", .string(slowest)),
        ]
    }
}
