import ConvoyPostgres
import ConvoyRun

/// The turn of a process to begin or resume a run of a fleet: what is done about the other runs in the transaction that does it.
///
/// Two transactions of this kind never overlap: each locks the row of the lock that only one process of the fleet has. So a run is either
/// recorded before another one is checked, or not at all.
struct StartTurn: Sendable {
    /// Statements that come first: they keep the lock, and take the locks of other runs from processes whose leases are over, so that such a
    /// process does not continue when it wakes up.
    let taking: [PipelineStatement]
    /// Of ``condition(from:)``.
    let parameters: [String?]
    /// Gives `is_own`, whether the lock still holds, and `other`, an active run that is not allowed, or NULL.
    let question: PipelineStatement
    private let control: ControlDatabase

    /// - Parameters:
    ///   - start: the lock of ``ControlJournal/lockStart(of:)``.
    ///   - run: what begins or is resumed.
    ///   - others: the runs that may be active beside it.
    init(_ start: any RunLock, _ run: RunID, of fleet: String, beside others: Set<RunID>, _ control: ControlDatabase) {
        let lease = start as? ControlLease
        self.control = control
        parameters = [
            fleet.storable, run.description.storable, ControlText.array(others.map { $0.description } as [String?]), lease?.name,
            lease?.token,
        ]
        taking = [
            ControlLease.locking(lease?.name, lease?.token),
            PipelineStatement(
                """
                DELETE FROM convoy_control.locks AS lock USING convoy_control.runs AS run
                WHERE run.fleet = $1 AND lock.name = run.id AND run.id <> $2 AND NOT \(ControlLease.isHeld("lock", control))
                    AND \(ControlLease.isOwn(3, control))
                """,
                [fleet.storable, run.description.storable, lease?.name, lease?.token]
            ),
        ]
        question = PipelineStatement(
            "SELECT \(ControlLease.isOwn(4, control)) AS is_own, (\(Self.other(1, control)) LIMIT 1) AS other",
            parameters
        )
    }

    /// Whether the lock still holds and no other run is active, in the words of SQL.
    ///
    /// - Parameter index: the number of the first of ``parameters``.
    func condition(from index: Int) -> String {
        "\(ControlLease.isOwn(index + 3, control)) AND NOT EXISTS (\(Self.other(index, control)))"
    }

    private static func other(_ index: Int, _ control: ControlDatabase) -> String {
        """
        SELECT other.id FROM convoy_control.runs AS other
        WHERE other.fleet = $\(index)::text AND other.status IS NULL AND other.id <> $\(index + 1)::text
            AND other.id <> ALL ($\(index + 2)::text[]) AND (\(ControlJournal.isActive("other", control)))
        """
    }
}
