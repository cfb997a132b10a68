import ConvoyMigrations

extension RunPlan {
    /// What has changed since the plan was pinned, one line each; empty where it still holds.
    ///
    /// - Parameters:
    ///   - now: the same plan, made again from the files and databases of now.
    ///   - statuses: what the probes found that this plan was made from, as far as it is known.
    package func differences(to now: RunPlan, probed statuses: [InstanceStatus] = []) -> [String] {
        var lines: [String] = []
        if fleet != now.fleet { lines.append("the fleet is called \(now.fleet), not \(fleet)") }
        if change != now.change { lines.append("the plan's target changed") }
        if isImmediate != now.isImmediate {
            lines.append(
                isImmediate ? "the plan leaves out gates and the maintenance window" : "the plan has gates and the maintenance window"
            )
        }
        lines += migrationDifferences(to: now.migrations) + waveDifferences(to: now)
        lines += instanceDifferences(to: now, Dictionary(statuses.map { ($0.name, $0) }) { first, _ in first })
        return lines
    }

    /// Files of the migration set that came, went or changed.
    package func migrationDifferences(to now: [PinnedMigration]) -> [String] {
        let before = Dictionary(migrations.map { ($0.version, $0.checksum) }) { first, _ in first }
        let after = Dictionary(now.map { ($0.version, $0.checksum) }) { first, _ in first }
        return Set(before.keys).union(after.keys).sorted().compactMap { version in
            switch (before[version], after[version]) {
            case (nil, _?): "migration \(version) was added"
            case (_?, nil): "migration \(version) was removed"
            case (let old, let new): old == new ? nil : "migration \(version) was modified"
            }
        }
    }

    private func waveDifferences(to now: RunPlan) -> [String] {
        let names = waves.map(\.name)
        guard names == now.waves.map(\.name) else {
            return ["the waves are \(now.waves.map(\.name).joined(separator: ", ")), not \(names.joined(separator: ", "))"]
        }
        return zip(waves, now.waves).compactMap { before, after in
            var before = before
            before.instances = after.instances
            return before == after ? nil : "the rules of wave \(before.name) changed"
        }
    }

    private func instanceDifferences(to now: RunPlan, _ statuses: [String: InstanceStatus]) -> [String] {
        let before = placed
        let after = now.placed
        return Set(before.keys).union(after.keys).sorted().flatMap { name -> [String] in
            guard let new = after[name] else { return ["instance \(name) was removed"] }
            guard let old = before[name] else { return ["instance \(name) was added"] }
            var lines: [String] = []
            if old.wave != new.wave { lines.append("instance \(name) is in wave \(new.wave), not \(old.wave)") }
            if (old.instance.server, old.instance.database) != (new.instance.server, new.instance.database) {
                lines.append(
                    "instance \(name) is database \(new.instance.database) on \(new.instance.server), not \(old.instance.database) on \(old.instance.server)"
                )
            }
            if let line = Self.startDifference(old.instance.start, new.instance.start, statuses[name]) {
                lines.append("instance \(name) \(line)")
            } else if old.instance.correction != new.instance.correction {
                lines.append("instance \(name) has another schema or ledger, or the catalogue of the migrations changed")
            }
            return lines
        }
    }

    private static func startDifference(_ old: InstanceStart?, _ new: InstanceStart?, _ status: InstanceStatus?) -> String? {
        guard old != new else { return nil }
        guard let new else { return status?.failure.map { "is \($0.kind.rawValue) now: \($0.message)" } ?? "cannot be probed now" }
        guard let old else { return "could not be probed when the plan was made, and can be probed now" }
        if old.version != new.version {
            return "is at version \(new.version?.description ?? "none"), not \(old.version?.description ?? "none")"
        }
        if old.checkpoint != new.checkpoint {
            func way(_ start: InstanceStart) -> String { start.checkpoint.map { "from checkpoint \($0)" } ?? "without a checkpoint" }
            return "starts \(way(new)), not \(way(old))"
        }
        return "has \(new.pending.count) pending migrations, not \(old.pending.count), or different ones"
    }

    private var placed: [String: (wave: String, instance: PlannedInstance)] {
        var placed: [String: (wave: String, instance: PlannedInstance)] = [:]
        for wave in waves { for instance in wave.instances { placed[instance.name] = (wave.name, instance) } }
        return placed
    }
}
