import ConvoyMigrations
package import ConvoyText

extension AppliedMigration {
    package var json: JSONValue {
        let json: JSONValue = [
            "version": .string(version.description),
            "direction": .string(direction.rawValue),
            "duration": .seconds(duration.seconds),
        ]
        // Most migrations have no checkpoint.
        guard let checkpoint else { return json }
        return json.inserting("checkpoint", .string(checkpoint.description), behind: "duration")
    }
}

extension AppliedMigration: Decodable {
    private enum Key: String, CodingKey {
        case version, direction, duration, checkpoint
    }

    /// Reads what the journal has stored.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        self.init(
            version: try container.decode(MigrationVersion.self, forKey: .version),
            direction: try container.decode(MigrationDirection.self, forKey: .direction),
            duration: try container.duration(forKey: .duration),
            checkpoint: try container.decodeIfPresent(MigrationVersion.self, forKey: .checkpoint)
        )
    }
}

extension KeyedDecodingContainer {
    /// Reads seconds that were written to the microsecond.
    package func duration(forKey key: Key) throws -> Duration {
        let seconds = try decode(Double.self, forKey: key)
        return min(max(.microseconds(Int64(clamping: (seconds * 1e6).rounded())), .zero), .longest)
    }
}
