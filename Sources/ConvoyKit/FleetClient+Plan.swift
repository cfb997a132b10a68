package import ConvoyFleet
package import ConvoyMigrations
package import ConvoyRollout
public import ConvoyRun

extension FleetClient {
    /// Plans a migration of the fleet: assigns the instances to the waves of the fleet file and probes them. Changes nothing.
    ///
    /// - Parameters:
    ///   - target: where to bring the instances.
    ///   - select: a selector, as for `convoy migrate --select`; nil selects all.
    ///   - waves: the waves to run; empty runs all.
    ///   - concurrency: the most instances at a time, over all waves; nil leaves it to the waves and the connection limits.
    ///   - isImmediate: whether the run waits for no gate and for no maintenance window, as for `convoy migrate --now`.
    ///   - earlier: of the selected instances, only those that an earlier run chose; nil is all. The plan records them by name.
    /// - Throws: as ``instances(select:)``, ``FleetError/Code/run`` if the run does not exist or has not ended, and ``FleetError`` for a target or a wave that does not exist, or for a wave that could not be rolled back;
    ///   `Problems` if a checkpoint of the set was edited or is stale.
    public func plan(
        _ target: Target,
        select: String? = nil,
        waves: [String] = [],
        concurrency: Int? = nil,
        isImmediate: Bool = false,
        earlier: EarlierOutcomes? = nil
    ) async throws -> PlannedRun {
        let change: Change =
            switch target {
            case .newest: .up(to: nil)
            case .version(let version): .up(to: version)
            }
        do throws(UnknownTarget) {
            try set.check(change)
        } catch {
            throw FleetError(.unknownTarget, error.description, hint: error.hint)
        }
        try set.requireSoundCheckpoints()
        let selector = try selector(select)
        let instances = try await instances(selector)
        let chosen: ChosenInstances?
        if let earlier { chosen = try await catalog.chosen(by: earlier) } else { chosen = nil }
        let planned: PlannedRun
        do throws(UnknownWave) {
            planned = try await plan(
                change,
                of: instances,
                selector: selector,
                chosen: chosen,
                waves: waves,
                concurrency: concurrency,
                isImmediate: isImmediate
            )
        } catch {
            throw FleetError(error)
        }
        if let problem = planned.plan.irreversibleMigrations(planned.instances, in: set).first {
            throw FleetError(.irreversible, "on_failure rolls back, but a pending version is irreversible: \(problem)")
        }
        return planned
    }

    /// Plans the rollback of a run, as `convoy rollback --run` does: each instance that the run changed goes back to the version at which the run found it.
    /// Changes nothing.
    ///
    /// - Parameters:
    ///   - run: a run that applied migrations.
    ///   - select: a selector, as for `convoy rollback --select`; nil selects all.
    ///   - waves: the waves to run; empty runs all.
    ///   - isImmediate: whether the rollback waits for no gate and for no maintenance window, as for `convoy rollback --now`.
    /// - Throws: as ``instances(select:)``, ``FleetError/Code/run`` for a run that does not exist, is active, was itself a rollback or left nothing
    ///   applied, ``FleetError/Code/selection`` if it changed no selected instance, ``FleetError/Code/irreversible`` if an instance has moved on since
    ///   or has an irreversible migration, and ``FleetError/Code/unknownWave``.
    public func plan(
        undoing run: RunID,
        select: String? = nil,
        waves: [String] = [],
        isImmediate: Bool = false
    ) async throws -> PlannedRun {
        let catalog = catalog
        let reversal = try await catalog.reversal(of: run.description, in: try await catalog.openExisting(for: .reading))
        let selector = try selector(select)
        let instances = try await instances(selector).filter { reversal.names.contains($0.name) }
        guard !instances.isEmpty else { throw FleetError(.selection, "run \(run) has changed none of the selected instances") }
        let planned: PlannedRun
        do throws(UnknownWave) {
            planned = try await plan(
                .undo(run: reversal.run.description),
                of: instances,
                selector: selector,
                waves: waves,
                isImmediate: isImmediate,
                undoing: reversal
            )
        } catch {
            throw FleetError(error)
        }
        let blocked = planned.instances.filter { $0.outcome == .blocked }
        guard blocked.isEmpty else {
            throw FleetError(
                .irreversible,
                "\(blocked.count) of \(planned.instances.count) instances cannot be rolled back completely",
                details: blocked.map { "\($0.name): \($0.failure?.message ?? "it is blocked")" }
            )
        }
        return planned
    }

    /// What a plan is doing at the moment, for a line on the terminal.
    package enum PlanProgress: Sendable {
        /// The cohorts of this many instances are read.
        case readingCohorts(Int)
        /// Of the catalogues of all instances, this many are judged.
        case judging(Int, of: Int)
        case probing(FleetProbe.Progress)
    }

    /// Plans a change of these instances: assigns them to waves, and probes those that the plan touches.
    ///
    /// - Parameters:
    ///   - selector: chose the instances; nil chose all.
    ///   - chosen: what an earlier run chose among them; nil if it was not asked for. The plan's selector names them.
    ///   - waves: the waves to run; empty runs all.
    ///   - concurrency: the most instances at a time in any wave.
    ///   - isImmediate: whether the run waits for no gate and for no maintenance window.
    ///   - reversal: the run that is undone, of whose instances `instances` are some; nil for any other change.
    ///   - judge: works out what a baseline or a repair writes; nil for any other change.
    package func plan(
        _ change: Change,
        of instances: [Instance],
        selector: Selector?,
        chosen: ChosenInstances? = nil,
        waves: [String] = [],
        concurrency: Int? = nil,
        isImmediate: Bool = false,
        undoing reversal: RunReversal? = nil,
        correcting judge: (any CorrectionJudge)? = nil,
        onProgress: @Sendable (PlanProgress) -> Void = { _ in }
    ) async throws(UnknownWave) -> PlannedRun {
        let meant = chosen.map { $0.among(instances).present } ?? instances
        let selector = chosen == nil ? selector : Selector(naming: meant.map(\.name), within: selector) ?? selector
        let skipped = meant.compactMap { instance in instance.skip.map { InstanceStatus(skipping: instance, $0) } }
        let instances = meant.filter { $0.skip == nil }
        var cohorts: [String: String] = [:]
        if fleet.rollout.needsCohorts {
            onProgress(.readingCohorts(instances.count))
            cohorts = await self.cohorts(of: instances)
        }
        let (assigned, leftOut) = try RunPlan.assigning(
            instances,
            of: fleet,
            set,
            change,
            selector: selector,
            cohorts: cohorts,
            waves: waves,
            concurrency: concurrency,
            isImmediate: isImmediate
        )
        let targets = RunTargets(instances, of: fleet)
        var plan = reversal.map { assigned.returning($0.ways) } ?? assigned
        if let judge {
            let judged = targets.instances(of: plan)
            plan = plan.correcting(
                await judge.corrections(of: judged) { onProgress(.judging($0, of: judged.count)) }
            )
        }
        let changes = Dictionary(plan.instances.map { ($0.name, plan.change(of: $0)) }) { first, _ in first }
        var statuses = await probe.statuses(of: targets.instances(of: plan), for: { changes[$0.name] ?? change }) {
            onProgress(.probing($0))
        }
        if let reversal { statuses = statuses.map(reversal.judged) }
        return PlannedRun(
            plan: plan.starting(from: statuses),
            instances: statuses,
            chosen: chosen,
            chosenCount: meant.count,
            targets: targets,
            skipped: skipped,
            leftOut: leftOut
        )
    }
}
