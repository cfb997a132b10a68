public import ConvoyMigrations
internal import ConvoyRollout

extension FleetClient {
    /// Plans a baseline, as `convoy baseline` does: databases without a ledger get the ledger of the version that their schema is recognised as. Changes
    /// nothing; ``run(_:)`` writes it, and runs no migration.
    ///
    /// - Parameters:
    ///   - version: the version that the databases are at; nil leaves it to their schema.
    ///   - isForced: whether that version is written although a schema is another one; only with a selector.
    ///   - select: a selector, as for `convoy baseline --select`; nil selects all.
    ///   - waves: the waves to run; empty runs all.
    ///   - isImmediate: whether the run waits for no gate and for no maintenance window, as for `convoy baseline --now`.
    /// - Returns: the plan; an instance that cannot be adopted is `blocked`, and its failure says why.
    /// - Throws: as ``instances(select:)``, `Problems` if the migration set has no catalogue or a damaged one, and ``FleetError`` for a version or a wave
    ///   that does not exist, or where `isForced` has no selector.
    public func plan(
        adoptingAt version: MigrationVersion?,
        isForced: Bool = false,
        select: String? = nil,
        waves: [String] = [],
        isImmediate: Bool = false
    ) async throws -> PlannedRun {
        guard !isForced || select != nil else {
            throw FleetError(
                .selection,
                "a version is forced only on instances that a selector names",
                hint: "select the instances, or force nothing"
            )
        }
        let change = Change.baseline(at: version)
        do throws(UnknownTarget) {
            try set.check(change)
        } catch {
            throw FleetError(.unknownTarget, error.description, hint: error.hint)
        }
        let judge = try BaselineJudge(self, at: version, isForced: isForced)
        let selector = try selector(select)
        let instances = try await instances(selector)
        do throws(UnknownWave) {
            return try await plan(
                change,
                of: instances,
                selector: selector,
                waves: waves,
                isImmediate: isImmediate,
                correcting: judge
            )
        } catch {
            throw FleetError(error)
        }
    }
}
