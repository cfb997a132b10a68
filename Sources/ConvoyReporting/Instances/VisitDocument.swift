internal import ConvoyFleet
package import ConvoyMigrations
package import ConvoyRun
package import ConvoyText
package import FoundationEssentials

/// What one run does to one instance, with what the plan and the migration set know of it: a page of the dashboard, and its JSON.
package struct VisitDocument: Sendable {
    package var run: RunRecord
    package var state: RunState
    /// The instance, as the report of the run has it.
    package var instance: InstanceReport
    package var visit: VisitReport
    /// What the run as a whole waits for.
    package var holds: [RunHold]
    /// Nil if the journal has no plan that can be read.
    package var plan: RunPlan?
    /// Nil if no migration set can be read.
    package var set: MigrationSet?
    /// How long each migration usually takes on an instance of the fleet.
    package var usualDurations: [MigrationVersion: Duration]

    package init(
        of run: RunRecord,
        _ state: RunState,
        _ instance: InstanceReport,
        _ visit: VisitReport,
        holds: [RunHold],
        plan: RunPlan?,
        set: MigrationSet?,
        usualDurations: [MigrationVersion: Duration]
    ) {
        self.run = run
        self.state = state
        self.instance = instance
        self.visit = visit
        self.holds = holds
        self.plan = plan
        self.set = set
        self.usualDurations = usualDurations
    }

    /// How many statements of the migration in progress are shown, and how wide.
    private static let statementLimit = 8
    private static let statementWidth = 200
    private static let outputLimit = 2000

    package func json(at now: Date) -> JSONValue {
        let steps = visit.steps(run.change.direction, in: state, from: plan?.starts[visit.instance])
        let json: JSONValue = [
            "run": .string(run.id.description),
            "run_status": .string(state.text),
            "direction": .string(run.change.direction.rawValue),
            "target": .optional(run.change.target?.description),
            "generated_at": .string(now.rfc3339),
            "instance": instance.reportJSON,
            "waiting": .array(state == .running ? holds.map(\.json) : []),
            "migrations": .array(steps.map(json)),
            "current": steps.first { $0.state == .inProgress }.map(current) ?? .null,
            "wait": wait ?? .null,
            "hooks": .array(
                visit.hooks.map { hook in
                    [
                        "at": .string(hook.at.rfc3339),
                        "point": .string(hook.value.point.rawValue),
                        "duration": .seconds(hook.value.duration.seconds),
                        "problem": .optional(hook.value.problem),
                        "output": .string(String(hook.value.output.suffix(Self.outputLimit))),
                    ]
                }
            ),
            "warnings": .array(visit.warnings.map { ["at": .string($0.at.rfc3339), "message": .string($0.value)] }),
        ]
        let named = json.namingTarget(run.change.target, in: instance.releases)
        return plan?.isImmediate == true ? named.inserting("now", .bool(true), behind: "run_status") : named
    }

    private func json(of step: VisitReport.Step) -> JSONValue {
        [
            "version": .string(step.version.description),
            "name": .optional(set?.names[step.version]),
            "direction": .string(step.direction.rawValue),
            "state": .string(step.state.rawValue),
            "duration": step.duration.map { .seconds($0.seconds) } ?? .null,
            "usual_duration": step.direction == run.change.direction
                ? usualDurations[step.version].map { .seconds($0.seconds) } ?? .null : .null,
            "finished_at": .optional(step.endedAt?.rfc3339),
        ]
    }

    // MARK: The migration in progress

    private func current(_ step: VisitReport.Step) -> JSONValue {
        let migration = pinned(step.version)
        let statements = migration.map { Self.statements(of: $0, step.direction) } ?? []
        return [
            "version": .string(step.version.description),
            "name": .optional(set?.names[step.version]),
            "file": .optional(migration?.file),
            "direction": .string(step.direction.rawValue),
            "since": .optional(visit.log.steppedAt?.rfc3339),
            "statement": statement(among: statements).map(Self.json) ?? .null,
            "statements": .array(statements.prefix(Self.statementLimit).map(Self.json)),
            "statement_count": migration == nil ? .null : .integer(statements.count),
            "activity": visit.log.activity?.json ?? .null,
        ]
    }

    /// The migration, if its file is still what the run works with.
    private func pinned(_ version: MigrationVersion) -> Migration? {
        guard let migration = set?[version], let checksum = plan?.migrations.first(where: { $0.version == version })?.checksum,
            migration.checksum == checksum
        else { return nil }
        return migration
    }

    private static func statements(of migration: Migration, _ direction: MigrationDirection) -> [SQLStatement] {
        let section: MigrationSection? =
            switch (direction, migration.down) {
            case (.up, _): migration.up
            case (.down, .section(let section)): section
            case (.down, _): nil
            }
        return (section?.elements ?? []).compactMap { if case .statement(let statement) = $0 { statement } else { nil } }
    }

    /// The statement that the server works on, where that is known: it waits, or it is the only one.
    private func statement(among statements: [SQLStatement]) -> SQLStatement? {
        if let text = visit.wait?.facts.statement { return SQLStatement(text: text, line: visit.wait?.facts.line ?? 1) }
        return statements.count == 1 ? statements.first : nil
    }

    private static func json(of statement: SQLStatement) -> JSONValue {
        let lines = StatementExcerpt(statement.text, position: nil, width: statementWidth, ellipsis: "…").lines
        return ["line": .integer(statement.line), "text": .string(lines.joined(separator: "\n"))]
    }

    // MARK: Waits

    private var wait: JSONValue? {
        guard state == .running, let wait = visit.wait else { return nil }
        return [
            "reason": .string(wait.reason),
            "since": .string(wait.since.rfc3339),
            "blockers": .array(wait.facts.blockers.map(\.json)),
        ]
    }
}
