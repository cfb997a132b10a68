internal import ConvoyFleet
import ConvoyMigrations
import ConvoyRun

extension TraceFold {
    mutating func begin(_ name: String, _ wave: String, isRollback: Bool, _ now: SpanTime) {
        open(wave, now)
        visits[name] = OpenVisit(
            place: .visit(instance: name, process: process, isRollback: isRollback),
            wave: wave,
            isRollback: isRollback,
            start: now,
            lastStep: now
        )
    }

    mutating func noteStep(_ kind: Event.Kind, _ now: SpanTime) {
        switch kind {
        case .instancePlanned(let name, let from, let pending):
            visits[name]?.from = from
            visits[name]?.pending = pending.count
            visits[name]?.lastStep = now
        case .instanceWaiting(let name, let reason, _): visits[name]?.moments.add("waiting", now, [Self.text("convoy.reason", reason)])
        case .instanceWarned(let name, let message): visits[name]?.moments.add("warning", now, [Self.text("convoy.message", message)])
        default: break
        }
    }

    mutating func applied(_ migration: AppliedMigration, on name: String, _ now: SpanTime) -> [TraceSpan] {
        guard var visit = visits[name] else { return [] }
        visit.applied.insert(migration.version)
        visit.lastStep = now
        visits[name] = visit
        reported[name, default: []].insert(Step(version: migration.version, direction: migration.direction))
        guard migration.hasSpan else { return [] }
        var span = span(
            of: migration.version,
            migration.direction,
            in: visit,
            name,
            start: max(visit.start, now.before(migration.duration)),
            end: now
        )
        span.attributes.add("convoy.checkpoint", migration.checkpoint?.description)
        return [span]
    }

    mutating func end(_ name: String, _ result: InstanceResult, _ now: SpanTime) -> [TraceSpan] {
        guard let visit = visits.removeValue(forKey: name) else { return [] }
        open(visit.wave, now)
        if result.judgedOutcome.isGood {
            waves[visit.wave]?.notWell.remove(name)
        } else {
            waves[visit.wave]?.notWell.insert(name)
        }
        var spans = unreported(result, name, visit)
        if let failed = failedMigration(result, name, visit, now) { spans.append(failed) }
        let isGood = result.judgedOutcome.isGood
        spans.append(
            span(
                of: visit,
                name,
                end: now,
                outcome: result.outcome.rawValue,
                to: result.to,
                errorType: isGood ? nil : Self.errorType(result),
                problem: isGood ? nil : result.failure?.message ?? result.outcome.rawValue
            )
        )
        return spans
    }

    /// The migrations that a killed process committed and did not report: they are found in the audit log. When they ran is not known, only after what.
    private mutating func unreported(_ result: InstanceResult, _ name: String, _ visit: OpenVisit) -> [TraceSpan] {
        var spans: [TraceSpan] = []
        let owner = lost.removeValue(forKey: name) ?? visit
        var time = owner.lastStep
        for migration in result.applied
        where reported[name, default: []].insert(Step(version: migration.version, direction: migration.direction)).inserted
            && migration.hasSpan
        {
            let end = time.after(migration.duration)
            var span = span(of: migration.version, migration.direction, in: owner, name, start: time, end: end)
            span.attributes.add("convoy.checkpoint", migration.checkpoint?.description)
            span.attributes.add("convoy.note", "committed without a report; its place in time is not known")
            spans.append(span)
            time = end
        }
        return spans
    }

    /// The migration at fault, from the end of what came before it.
    private func failedMigration(_ result: InstanceResult, _ name: String, _ visit: OpenVisit, _ now: SpanTime) -> TraceSpan? {
        // After a rollback the failure is still the one that caused it.
        guard !visit.isRollback, !result.judgedOutcome.isGood, let failure = result.failure, let version = failure.version,
            !visit.applied.contains(version)
        else { return nil }
        var span = span(
            of: version,
            direction,
            in: visit,
            name,
            start: visit.lastStep,
            end: max(visit.lastStep, visit.afterHook ?? now)
        )
        span.attributes.add("convoy.outcome", result.outcome.rawValue)
        span.attributes.add("error.type", Self.errorType(result))
        span.attributes.add("db.response.status_code", failure.sqlstate)
        span.problem = failure.message.fitForSpan
        return span
    }

    private static func errorType(_ result: InstanceResult) -> String { result.failure?.sqlstate ?? result.outcome.rawValue }

    /// What the semantic conventions say of a client of PostgreSQL.
    private func attributes(_ name: String, wave: String) -> [TraceSpan.Attribute] {
        var attributes = attributes(wave: wave)
        attributes.add("convoy.instance", name)
        attributes.add("db.system.name", "postgresql")
        attributes.add("db.namespace", places[name]?.database)
        attributes.add("server.address", places[name]?.host)
        attributes.add("server.port", places[name]?.port)
        return attributes
    }

    func span(
        of visit: OpenVisit,
        _ name: String,
        end: SpanTime,
        outcome: String,
        to: MigrationVersion? = nil,
        errorType: String? = nil,
        problem: String?
    ) -> TraceSpan {
        var attributes = attributes(name, wave: visit.wave)
        attributes.add("convoy.outcome", outcome)
        attributes.add("convoy.version.from", visit.from?.description)
        attributes.add("convoy.version.to", to?.description)
        attributes.add("convoy.migrations.pending", visit.pending)
        if problem != nil { attributes.add("error.type", errorType ?? outcome) }
        return TraceSpan(
            id: trace.span(visit.place),
            parent: trace.span(.wave(visit.wave, part: part)),
            name: visit.isRollback ? "instance rollback" : "instance",
            start: visit.start,
            end: max(visit.start, end),
            attributes: attributes,
            moments: visit.moments,
            problem: problem?.fitForSpan
        )
    }

    private func span(
        of version: MigrationVersion,
        _ direction: MigrationDirection,
        in visit: OpenVisit,
        _ name: String,
        start: SpanTime,
        end: SpanTime
    ) -> TraceSpan {
        let operation = direction == .up ? "apply" : "revert"
        var attributes = attributes(name, wave: visit.wave)
        attributes.add("db.operation.name", operation)
        attributes.add("convoy.migration.version", version.description)
        return TraceSpan(
            id: trace.span(.migration(version, direction, of: visit.place)),
            parent: trace.span(visit.place),
            name: "\(operation) \(version)",
            kind: .client,
            start: start,
            end: end,
            attributes: attributes
        )
    }
}

extension AppliedMigration {
    /// Of those that a checkpoint applied together, one stands for all.
    fileprivate var hasSpan: Bool { checkpoint == nil || checkpoint == version }
}
