/// Where to bring an instance.
public enum Change: Sendable, Hashable {
    /// Apply what is pending up to and including the version; nil means the newest of the set.
    case up(to: MigrationVersion?)
    /// Revert, newest first, until the version is the newest that is left.
    case down(to: MigrationVersion)
    /// Revert this number of the newest versions.
    case downSteps(Int)
    /// Bring each instance back to where the run with that id found it. What that means differs from one instance to the next: the plan has it.
    case undo(run: String)
    /// Revert exactly these as far as they are applied, newest first: what a run applied to an instance that began at `start`.
    case revert([MigrationVersion], start: MigrationVersion?)
    /// Write the ledger of databases that have none, as of the version that their schema is recognised as; nil unless the operator names that version.
    /// What is written differs from one instance to the next: the plan has it.
    case baseline(at: MigrationVersion?)
    /// Correct ledger, audit log and indexes where they contradict the database; the version is the newest that was applied, nil unless the operator names
    /// it. What is written differs from one instance to the next: the plan has it.
    case repair(at: MigrationVersion?)
    /// Write exactly this, and run no migration: the share of one instance in a baseline or a repair.
    case correct(Correction)

    /// Which way the migrations of the change run.
    public var direction: MigrationDirection {
        switch self {
        case .up, .baseline, .repair, .correct: .up
        case .down, .downSteps, .undo, .revert: .down
        }
    }

    /// The version that the caller named; nil if the caller named none.
    public var target: MigrationVersion? {
        switch self {
        case .up(let version), .baseline(let version), .repair(let version): version
        case .down(let version): version
        case .downSteps, .undo, .revert, .correct: nil
        }
    }

    /// How many to revert; nil if the change names a version.
    public var steps: Int? {
        if case .downSteps(let steps) = self { steps } else { nil }
    }

    /// The id of the run that is undone; nil if the change undoes none.
    public var undoneRun: String? {
        if case .undo(let run) = self { run } else { nil }
    }

    /// Whether the change applies migrations, which a wave that fails can revert.
    package var canBeReverted: Bool { direction == .up && correctionKind == nil }

    /// What the change corrects; nil for one that runs migrations.
    public var correctionKind: Correction.Kind? {
        switch self {
        case .baseline: .baseline
        case .repair: .repair
        case .correct(let correction): correction.kind
        case .up, .down, .downSteps, .undo, .revert: nil
        }
    }
}

/// As the plan of a run has it: `{"direction": "up", "to": "20240929084639"}`, without `to` for the newest version, or with `steps`
/// or `run` in its place. A change that runs no migration has its `kind` besides: `{"direction": "up", "kind": "baseline"}`.
extension Change: Codable {
    private enum CodingKeys: String, CodingKey { case direction, kind, to, steps, run }

    /// Reads a change.
    ///
    /// - Throws: an error for a way down that has not exactly one of a version, a number of steps and a run, and for an unknown kind.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let target = try container.decodeIfPresent(MigrationVersion.self, forKey: .to)
        let steps = try container.decodeIfPresent(Int.self, forKey: .steps)
        let run = try container.decodeIfPresent(String.self, forKey: .run)
        switch try container.decodeIfPresent(Correction.Kind.self, forKey: .kind) {
        case .baseline: self = .baseline(at: target)
        case .repair: self = .repair(at: target)
        case nil: self = try Self.migration(container, target, steps, run)
        }
    }

    private static func migration(
        _ container: KeyedDecodingContainer<CodingKeys>,
        _ target: MigrationVersion?,
        _ steps: Int?,
        _ run: String?
    ) throws -> Change {
        switch (try container.decode(MigrationDirection.self, forKey: .direction), target, steps, run) {
        case (.up, let target, _, _): return .up(to: target)
        case (.down, let target?, nil, nil): return .down(to: target)
        case (.down, nil, let steps?, nil): return .downSteps(steps)
        case (.down, nil, nil, let run?): return .undo(run: run)
        case (.down, _, _, _):
            throw DecodingError.dataCorruptedError(forKey: .to, in: container, debugDescription: "a version, a number of steps or a run")
        }
    }

    /// Writes a change.
    ///
    /// - Throws: an error for ``revert(_:start:)`` and ``correct(_:)``, which belong to one instance and to no plan.
    public func encode(to encoder: any Encoder) throws {
        switch self {
        case .revert, .correct:
            throw EncodingError.invalidValue(
                self,
                EncodingError.Context(codingPath: encoder.codingPath, debugDescription: "this is the change of one instance")
            )
        case .up, .down, .downSteps, .undo, .baseline, .repair: break
        }
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(direction, forKey: .direction)
        try container.encodeIfPresent(correctionKind, forKey: .kind)
        try container.encodeIfPresent(target, forKey: .to)
        try container.encodeIfPresent(steps, forKey: .steps)
        try container.encodeIfPresent(undoneRun, forKey: .run)
    }
}
