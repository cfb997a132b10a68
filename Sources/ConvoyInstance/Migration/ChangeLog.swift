import ConvoyMigrations
import ConvoyRun

/// What one change knows of the ledger, and what it has done there.
///
/// It is a value without clock and socket: instants come in as arguments. Each mutating method is named after what happened.
struct ChangeLog: Sendable {
    let change: Change
    /// The newest version in the ledger when the change began; nil if the ledger was empty or has not been read.
    private(set) var from: MigrationVersion?
    /// The versions in the ledger, as far as they are known.
    private(set) var ledgerVersions: Set<MigrationVersion> = []
    /// What this change has committed, in order.
    private(set) var applied: [AppliedMigration] = []
    /// The versions of the batch that was sent last. If its connection is lost, the server may have committed them without an answer.
    private(set) var batch: Set<MigrationVersion> = []
    /// The checkpoint that the batch is; nil if it consists of migrations.
    private var batchCheckpoint: MigrationVersion?
    /// The migration whose COMMIT was not answered in time; nil if every COMMIT was.
    private(set) var unconfirmed: MigrationVersion?
    /// The statement that has run outside a transaction while its row in the ledger is not written yet; nil if every such statement has its row.
    private(set) var standing: Standing?
    /// When the last COMMIT succeeded, or when the work or the wait for a lock began, if that was later: a wait for a lock ends `lock_wait` after it.
    private(set) var lastProgress: ContinuousClock.Instant
    /// How often the connection was lost and opened again since the last COMMIT.
    private var losses = 0
    /// Going down by steps or by name: the versions that were shown, so that planning again does not revert more. Nil in other changes, and before
    /// the first plan.
    private(set) var intended: Set<MigrationVersion>?

    /// A statement that has run and cannot be rolled back.
    struct Standing: Sendable, Hashable {
        var version: MigrationVersion
        /// The server's timeline when the statement was sent. On another timeline, it may be missing.
        var timeline: String
    }

    init(_ change: Change, at now: ContinuousClock.Instant) {
        self.change = change
        lastProgress = now
    }

    // MARK: - What happened

    /// The ledger was read for the first time, before anything was done.
    mutating func began(with versions: [MigrationVersion]) {
        ledgerRead(versions)
        from = ledgerVersions.max()
    }

    /// The first plan was made, and is reported.
    mutating func planned(_ versions: [MigrationVersion]) {
        switch change {
        case .downSteps: intended = Set(versions)
        case .revert(let versions, _): intended = Set(versions)
        case .up, .down, .undo, .baseline, .repair, .correct: break
        }
    }

    /// The ledger was read again, on a connection that was not lost.
    mutating func ledgerRead(_ versions: [MigrationVersion]) { ledgerVersions = Set(versions) }

    /// The work, or a wait for a lock, began: the time of waits for locks counts from here.
    mutating func waitsBegan(at now: ContinuousClock.Instant) { lastProgress = now }

    /// A batch was sent.
    ///
    /// - Parameter checkpoint: the checkpoint that stands for all of its versions; nil if each is a migration of its own.
    mutating func sent(_ versions: some Sequence<MigrationVersion>, from checkpoint: MigrationVersion? = nil) {
        (batch, batchCheckpoint) = (Set(versions), checkpoint)
    }

    /// The server answered a COMMIT.
    @discardableResult
    mutating func committed(_ version: MigrationVersion, in duration: Duration, at now: ContinuousClock.Instant) -> AppliedMigration {
        let migration = AppliedMigration(
            version: version,
            direction: change.direction,
            duration: duration,
            checkpoint: batch.contains(version) ? batchCheckpoint : nil
        )
        applied.append(migration)
        switch change.direction {
        case .up: ledgerVersions.insert(version)
        case .down: ledgerVersions.remove(version)
        }
        lastProgress = now
        losses = 0
        return migration
    }

    /// The server did not answer a COMMIT in time.
    mutating func commitTimedOut(_ version: MigrationVersion) { unconfirmed = version }

    /// A statement outside a transaction has run; its row is still to be written.
    ///
    /// - Parameter timeline: the server's; nil if it is not known. Then it could not be said later whether a server has the statement's result, so it is
    ///   not noted.
    mutating func statementRan(_ version: MigrationVersion, on timeline: String?) {
        standing = timeline.map { Standing(version: version, timeline: $0) }
    }

    /// The row of the statement that ran outside a transaction was written.
    mutating func statementRecorded() { standing = nil }

    /// The connection was lost.
    ///
    /// - Returns: the migration whose COMMIT was not answered in time; nil if the connection was lost in another way. It is asked for once.
    mutating func lostConnection() -> MigrationVersion? {
        defer { unconfirmed = nil }
        return unconfirmed
    }

    /// A server was reached again. A standby that was promoted is on another timeline, and may never have heard of the statement that ran.
    mutating func reachedServer(on timeline: String?) {
        if let standing, standing.timeline != timeline { self.standing = nil }
    }

    /// The ledger was read after a connection was lost. A server that crashed may have lost a commit that it had confirmed, where
    /// `synchronous_commit` is off.
    mutating func ledgerReadAfterLoss(_ versions: [MigrationVersion]) {
        ledgerRead(versions)
        applied = applied.filter { isDone($0.version) }
    }

    /// The commits of the lost connection that had no answer were looked up.
    ///
    /// - Parameter audited: what the audit log says this run has done, with durations; nil if there is no audit log. Then all of
    ///   ``unheardCommits`` count as ours.
    /// - Returns: what this change has committed, in order.
    mutating func foundCommitted(audited: [MigrationVersion: Duration]?, at now: ContinuousClock.Instant) -> [AppliedMigration] {
        var found = unheardCommits
        if let audited { found.formIntersection(audited.keys) }
        let isUp = change.direction == .up
        return found.sorted { isUp ? $0 < $1 : $0 > $1 }.map { committed($0, in: audited?[$0] ?? .zero, at: now) }
    }

    /// The connection is open again, and what the lost one did is known.
    ///
    /// - Returns: how often that has happened since the last COMMIT.
    mutating func reconnected() -> Int {
        losses += 1
        return losses
    }

    // MARK: - What follows from it

    /// Whether the ledger stands where the change brings a version: it is there going up, and gone going down.
    func isDone(_ version: MigrationVersion) -> Bool { ledgerVersions.contains(version) == (change.direction == .up) }

    /// The versions of the last batch that are done, and whose COMMIT had no answer.
    var unheardCommits: Set<MigrationVersion> { batch.filter(isDone).subtracting(applied.map(\.version)) }

    /// The first of these versions that this change has committed before; nil if it has committed none of them.
    func committedBefore(_ versions: [MigrationVersion]) -> MigrationVersion? {
        versions.first { version in applied.contains { $0.version == version } }
    }

    /// The version below the first one of a plan, which must still be there when that one is applied; nil if the first one is the oldest, and always going down.
    func predecessor(of first: MigrationVersion) -> MigrationVersion? {
        change.direction == .up ? ledgerVersions.filter { $0 < first }.max() : nil
    }

    /// Whether a new plan is the one that was shown; always true if planning again is not restricted.
    ///
    /// - Parameter versions: the new plan; nil if planning failed.
    func isAsShown(_ versions: @autoclosure () -> [MigrationVersion]?) -> Bool {
        guard let intended else { return true }
        return versions().map { Set($0) } == intended
    }

    /// What is left to revert of the versions that were planned; nil if planning again is not restricted. It begins at the newest version, or below
    /// the version that the instance had at the start, or not at all.
    func leftToRevert() throws(Failure) -> [MigrationVersion]? {
        guard let intended else { return nil }
        let versions = ledgerVersions.filter(intended.contains).sorted(by: >)
        var start: MigrationVersion?
        if case .revert(_, let version) = change { start = version }
        guard let first = versions.first, let newest = ledgerVersions.max(), newest != first, start.map({ newest > $0 }) != false else {
            return versions
        }
        throw Failure(
            .blocked,
            "version \(newest) was applied meanwhile, on top of \(first), which was to be reverted",
            version: first,
            hint: "another migrator is at work: stop the app or the other tool, then run the command again"
        )
    }

    /// How the change ended.
    func result(_ outcome: Outcome, _ failure: Failure? = nil) -> InstanceResult {
        // A correction applies nothing, and may leave an empty ledger.
        let isUnchanged = applied.isEmpty && change.correctionKind == nil
        return InstanceResult(
            outcome: outcome,
            from: from,
            to: ledgerVersions.max() ?? (isUnchanged ? from : nil),
            applied: applied,
            failure: failure
        )
    }
}
