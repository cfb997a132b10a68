import ConvoyPostgres
package import ConvoyRun

extension ControlJournal {
    package func newestRunsOfInstances(fleet: String?) async throws(JournalError) -> Set<RunID> {
        let newest = { (condition: String) in
            """
            SELECT run FROM (
                SELECT DISTINCT ON (runs.fleet, events.instance) events.run
                FROM convoy_control.events AS events JOIN convoy_control.runs AS runs ON runs.id = events.run
                WHERE events.outcome IS NOT NULL AND events.instance IS NOT NULL AND runs.fleet = coalesce($1, runs.fleet) \(condition)
                ORDER BY runs.fleet, events.instance, events.recorded_at DESC, events.run DESC, events.number DESC
            ) AS newest
            """
        }
        let question = "\(newest("")) UNION \(newest("AND events.is_learnt"))"
        let rows = try await reading { transaction throws(ControlError) in
            transaction.allow(Self.patience)
            return try await transaction.query(question, [fleet?.storable]).rows
        }
        return Set(rows.compactMap { $0.value("run").map { RunID($0) } })
    }

    /// How many events one transaction removes, unless one run has more.
    private static let eventsAtOnce: Int64 = 50_000
    /// For one statement: a run of a large fleet has a million events.
    private static let patience = Duration.seconds(600)

    package func remove(_ runs: [RunID]) async throws(JournalError) -> Set<RunID> {
        var removed: Set<RunID> = []
        for some in try await groups(of: runs) {
            let wanted = ControlText.array(some.map(\.description))
            try await writing { transaction throws(ControlError) in
                transaction.allow(Self.patience)
                let over = try await transaction.query(
                    "SELECT id, fleet FROM convoy_control.runs WHERE id = ANY ($1::text[]) AND status = ANY ($2::text[]) ORDER BY id FOR UPDATE",
                    [wanted, ControlText.array(RunEnding.final.map(\.rawValue))]
                ).rows
                var fleets: [String: [String]] = [:]
                for row in over { if let id = row.value("id"), let fleet = row.value("fleet") { fleets[fleet, default: []].append(id) } }
                guard !fleets.isEmpty else { return }
                try await Self.keepTotals(of: fleets, transaction)
                transaction.add(
                    "DELETE FROM convoy_control.runs WHERE id = ANY ($1::text[])",
                    [ControlText.array(fleets.values.flatMap(\.self))]
                )
            }
            let left = try await rows("SELECT id FROM convoy_control.runs WHERE id = ANY ($1::text[])", [wanted])
            removed.formUnion(Set(some).subtracting(left.compactMap { $0.value("id").map { RunID($0) } }))
        }
        return removed
    }

    /// The runs in groups that one transaction removes each.
    private func groups(of runs: [RunID]) async throws(JournalError) -> [[RunID]] {
        let rows = try await rows(
            "SELECT id, last_event FROM convoy_control.runs WHERE id = ANY ($1::text[])",
            [ControlText.array(runs.map(\.description))]
        )
        let counts = Dictionary(rows.map { ($0.value("id") ?? "", $0.number("last_event") ?? 0) }) { first, _ in first }
        var groups: [[RunID]] = []
        var events: Int64 = 0
        for run in runs {
            let count = min(max(0, counts[run.description] ?? 0), Self.eventsAtOnce)
            if groups.isEmpty || events + count > Self.eventsAtOnce || groups[groups.count - 1].count >= RunStoreLimits.removedAtOnce {
                groups.append([])
                events = 0
            }
            groups[groups.count - 1].append(run)
            events += count
        }
        return groups
    }

    /// What holds nothing is not counted: the server's autovacuum takes care of it.
    package func size() async throws(JournalError) -> (bytes: Int, free: Int) {
        let rows = try await rows(
            """
            SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint AS bytes FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = 'convoy_control' AND c.relkind = 'r'
            """
        )
        return (Int(clamping: rows.first?.number("bytes") ?? 0), 0)
    }

    package var reclaimsSpace: Bool { true }

    /// Does nothing: the server's autovacuum gives space back, while others write.
    package func compact() async throws(JournalError) {}
}
