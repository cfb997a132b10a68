/// Where to bring an instance.
public enum Change: Sendable, Hashable {
    /// Apply what is pending up to and including the version; nil means the newest of the set.
    case up(to: MigrationVersion?)
    /// Revert, newest first, until the version is the newest that is left.
    case down(to: MigrationVersion)
    /// Revert this number of the newest versions.
    case downSteps(Int)
    /// Revert exactly these as far as they are applied, newest first: what a run applied to an instance that began at `start`.
    case revert([MigrationVersion], start: MigrationVersion?)

    /// Which way the migrations of the change run.
    public var direction: MigrationDirection {
        switch self {
        case .up: .up
        case .down, .downSteps, .revert: .down
        }
    }

    /// The version that the caller named; nil if the caller named none.
    public var target: MigrationVersion? {
        switch self {
        case .up(let version): version
        case .down(let version): version
        case .downSteps, .revert: nil
        }
    }

    /// How many to revert; nil if the change names a version.
    public var steps: Int? {
        if case .downSteps(let steps) = self { steps } else { nil }
    }
}

/// As the plan of a run has it: `{"direction": "up", "to": "20240929084639"}`, without `to` for the newest version, or with `steps` in its place.
extension Change: Codable {
    private enum CodingKeys: String, CodingKey { case direction, to, steps }

    /// Reads a change.
    ///
    /// - Throws: an error for a way down without either a version or a number of steps, or with both.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let target = try container.decodeIfPresent(MigrationVersion.self, forKey: .to)
        let steps = try container.decodeIfPresent(Int.self, forKey: .steps)
        switch (try container.decode(MigrationDirection.self, forKey: .direction), target, steps) {
        case (.up, let target, _): self = .up(to: target)
        case (.down, let target?, nil): self = .down(to: target)
        case (.down, nil, let steps?): self = .downSteps(steps)
        case (.down, _, _):
            throw DecodingError.dataCorruptedError(forKey: .to, in: container, debugDescription: "either a version or a number of steps")
        }
    }

    /// Writes a change.
    ///
    /// - Throws: an error for ``revert(_:start:)``, which belongs to one instance and to no plan.
    public func encode(to encoder: any Encoder) throws {
        if case .revert = self {
            throw EncodingError.invalidValue(
                self,
                EncodingError.Context(codingPath: encoder.codingPath, debugDescription: "no plan reverts by name")
            )
        }
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(direction, forKey: .direction)
        try container.encodeIfPresent(target, forKey: .to)
        try container.encodeIfPresent(steps, forKey: .steps)
    }
}
