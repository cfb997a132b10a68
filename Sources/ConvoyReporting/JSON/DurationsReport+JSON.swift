internal import ConvoyMigrations
import ConvoyRollout
package import ConvoyRun
package import ConvoyText

extension DurationsReport {
    /// `convoy.durations/1`, as its JSON Schema has it.
    package var json: JSONValue {
        [
            "schema": "convoy.durations/1",
            "journal": .string(journal),
            "generated_at": .string(generatedAt.rfc3339),
            "runs": .strings(runs),
            "migrations": .array(
                migrations.map { migration in
                    let head: [(String, JSONValue)] = [
                        ("version", .string(migration.version.description)), ("name", .optional(names[migration.version])),
                        ("direction", .string(migration.direction.rawValue)),
                    ]
                    return migration.figures.prefixed(by: head)
                }
            ),
        ]
    }
}

extension MigrationDurations {
    /// An element of `migrations` of the machine output.
    package var json: JSONValue {
        figures.prefixed(by: [("version", .string(version.description)), ("direction", .string(direction.rawValue))])
    }

    /// What is known of it but which it is.
    var figures: JSONValue {
        [
            "instances": .integer(count),
            "p50": .seconds(median.seconds),
            "p95": .seconds(percentile(0.95).seconds),
            "max": .seconds(maximum.seconds),
            "slowest": .string(slowest),
        ]
    }
}
