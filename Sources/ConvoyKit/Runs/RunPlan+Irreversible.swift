package import ConvoyMigrations
package import ConvoyRun

extension RunPlan {
    /// The pending migrations that a wave would have to revert on failure and that are irreversible.
    ///
    /// - Parameter statuses: the instances as they were probed.
    /// - Returns: one line per wave and version, in order; empty if every wave that rolls back on failure can be rolled back.
    package func irreversibleMigrations(_ statuses: [InstanceStatus], in set: MigrationSet) -> [String] {
        guard change.canBeReverted else { return [] }
        let pending = Dictionary(statuses.map { ($0.name, $0.pending) }) { first, _ in first }
        return waves.filter(\.onFailure.rollsBack).flatMap { wave in
            Set(wave.instances.flatMap { pending[$0.name] ?? [] }).sorted().compactMap { version in
                guard let migration = set[version], case .irreversible(let reason, let line) = migration.down else { return nil }
                return "wave \(wave.name), version \(version) (\(migration.file):\(line)): \(reason)"
            }
        }
    }
}
