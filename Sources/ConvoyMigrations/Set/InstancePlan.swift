/// What a change would run on one instance, worked out from the set and from what its ledger says. Nothing is read or written.
///
///     let plan = try InstancePlan(set: set, applied: ledger, change: .up(to: nil))
///     plan.versions   // in the order in which they run
package struct InstancePlan: Sendable, Hashable {
    /// Which way the migrations run.
    package let direction: MigrationDirection
    /// What the change asks for, in the order in which it would run; each has a file in the set. Going down, irreversible ones are among them.
    package private(set) var versions: [MigrationVersion]
    /// Versions in the ledger that the set does not have, oldest first.
    package let unknownVersions: [MigrationVersion]
    /// Those of ``versions`` that are older than the newest applied version of the set, oldest first; always empty going down.
    package let outOfOrder: [MigrationVersion]
    /// Why the change must not begin, newest version first; always empty going up.
    package let obstacles: [Obstacle]

    /// A version on the way down that cannot be reverted.
    package enum Obstacle: Sendable, Hashable, CustomStringConvertible {
        /// Its file says that it cannot be reverted.
        case irreversible(version: MigrationVersion, reason: String, file: String, line: Int)
        /// The ledger has the version, but the set has no file that says how to revert it.
        case noFile(version: MigrationVersion)

        /// The version that cannot be reverted.
        package var version: MigrationVersion {
            switch self {
            case .irreversible(let version, _, _, _), .noFile(let version): version
            }
        }

        /// One sentence without a full stop, with the reason.
        package var description: String {
            switch self {
            case .irreversible(let version, let reason, let file, let line):
                "version \(version) is irreversible (\(file):\(line)): \(reason)"
            case .noFile(let version):
                "version \(version) is applied but has no file in the migration set, so that it cannot be reverted"
            }
        }
    }

    /// Whether there is nothing to run and nothing in the way.
    package var isEmpty: Bool { versions.isEmpty && obstacles.isEmpty }

    /// Plans a change.
    ///
    /// - Parameters:
    ///   - set: the fleet's migrations.
    ///   - applied: the versions in the instance's ledger, in any order.
    ///   - change: going up applies every pending version up to the target, older ones first. Going down to a version keeps that version
    ///     and whatever is older; going down by steps counts the newest applied versions, those without a file too.
    /// - Throws: ``UnknownTarget`` if the change names a version that the set does not have.
    package init(set: MigrationSet, applied: some Sequence<MigrationVersion>, change: Change) throws(UnknownTarget) {
        try set.check(change)
        let (applied, unknown, missing) = Self.compare(applied.sorted(), with: set.versions)
        unknownVersions = unknown
        direction = change.direction
        switch change {
        case .up(let target):
            let pending = missing.filter { version in target.map { version <= $0 } != false }
            let newestApplied = applied.last(where: set.contains)
            versions = pending
            outOfOrder = pending.filter { version in newestApplied.map { version < $0 } == true }
            obstacles = []
        case .down(let target):
            (versions, obstacles) = Self.reversal(of: applied.filter { $0 > target }, in: set)
            outOfOrder = []
        case .downSteps(let count):
            (versions, obstacles) = Self.reversal(of: applied.suffix(max(0, count)), in: set)
            outOfOrder = []
        // The plan of such a run has a change for each instance. A correction runs no migration.
        case .undo, .baseline, .repair, .correct: (versions, obstacles, outOfOrder) = ([], [], [])
        case .revert(let versions, _):
            (self.versions, obstacles) = Self.reversal(of: applied.filter(Set(versions).contains), in: set)
            outOfOrder = []
        }
    }

    /// Walks along both, which are in order: what a probe does for every instance of the fleet.
    ///
    /// - Returns: `applied` with each version once, those of them that the set does not have, and those of the set that are not applied.
    private static func compare(
        _ applied: [MigrationVersion],
        with set: [MigrationVersion]
    ) -> (applied: [MigrationVersion], unknown: [MigrationVersion], missing: [MigrationVersion]) {
        var (once, unknown, missing): ([MigrationVersion], [MigrationVersion], [MigrationVersion]) = ([], [], [])
        once.reserveCapacity(applied.count)
        var next = 0
        for version in applied where version != once.last {
            once.append(version)
            while next < set.count, set[next] < version {
                missing.append(set[next])
                next += 1
            }
            if next < set.count, set[next] == version { next += 1 } else { unknown.append(version) }
        }
        return (once, unknown, missing + set[next...])
    }

    private static func reversal(
        of applied: some Sequence<MigrationVersion>,
        in set: MigrationSet
    ) -> (versions: [MigrationVersion], obstacles: [Obstacle]) {
        let newestFirst = applied.sorted(by: >)
        let obstacles = newestFirst.compactMap { version -> Obstacle? in
            guard let migration = set[version] else { return .noFile(version: version) }
            guard case .irreversible(let reason, let line) = migration.down else { return nil }
            return .irreversible(version: version, reason: reason, file: migration.file, line: line)
        }
        return (newestFirst.filter(set.contains), obstacles)
    }
}
