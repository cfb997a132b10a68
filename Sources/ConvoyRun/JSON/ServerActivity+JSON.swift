internal import ConvoyMigrations
package import ConvoyText

extension ServerActivity {
    /// The activity as events and reports show it.
    package var json: JSONValue {
        [
            "command": .string(command), "relation": .optional(relation), "phase": .string(phase),
            "done": done.map { .integer(Int(clamping: $0)) } ?? .null, "total": total.map { .integer(Int(clamping: $0)) } ?? .null,
        ]
    }
}
