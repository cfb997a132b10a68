import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun

/// What the catalogue says about the pending migrations, asked before the first of them and only where one is pending: one round trip, whose
/// cost grows with the number of objects that the migrations name.
extension Preflight {
    struct CatalogueVerdict {
        /// What no check could be asked beside.
        var failure: Failure?
        /// Objects in the way. The set's own checks come first: they know better what to do.
        var conflict: Failure?
        var warnings: [String] = []
        /// The pending migrations that only the admin connection can run.
        var forAdmin: Set<MigrationVersion> = []
    }

    func catalogueVerdict(_ assessment: InstanceAssessment, _ reading: InstanceProbe.Reading) async -> CatalogueVerdict {
        guard let plan = assessment.plan, let ledger = assessment.ledger, !plan.versions.isEmpty else { return CatalogueVerdict() }
        let inquiry = CatalogueInquiry(
            pending: PendingMigrations(plan: plan, set: runner.set, checkpoint: assessment.checkpoint),
            vocabulary: runner.vocabulary.value,
            facts: reading.facts,
            ledger: ledger,
            isEmpty: plan.direction == .up && (reading.contents?.applied ?? []).isEmpty,
            instance: instance,
            intent: runner.intent
        )
        let questions = inquiry.questions
        guard !questions.isEmpty else { return CatalogueVerdict() }
        let opening = InstanceProbe(instance: instance).opening(on: connection)
        do {
            let results = try await connection.transaction(opening + questions.map(\.statement) + [PipelineStatement("COMMIT")])
            var answers: [CatalogueInquiry.Subject: [QueryResult.Row]] = [:]
            for (question, result) in zip(questions, results.dropFirst(opening.count)) { answers[question.subject] = result.rows }
            return try inquiry.verdict(answers)
        } catch {
            return CatalogueVerdict(
                failure: Failure(error, doing: "reading the catalogue before the migrations", settings: instance.settings)
            )
        }
    }
}

extension Preflight {
    /// Where a superuser owns the ledger, as after a restore without owners: the exact statements that give the set's objects to the login
    /// role. The hint never advises to log in as a superuser.
    func withAdvice(_ failure: Failure, _ reading: InstanceProbe.Reading) async -> Failure {
        let (facts, ledger) = (reading.facts, reading.ledger)
        guard failure.kind == .blocked, reading.contents != nil, facts.role != ledger.owner, !facts.isSuperuser,
            !facts.ledgerCandidates.contains(where: { $0.schema == ledger.schema && $0.mayActAsOwner })
        else { return failure }
        let opening = InstanceProbe(instance: instance).opening(on: connection)
        let path = [ledger.schema, "public"]
        let question = CatalogueObjects.question(runner.vocabulary.value, role: facts.role, path: path)
        guard let results = try? await connection.transaction(opening + [question, PipelineStatement("COMMIT")]),
            let objects = try? CatalogueObjects(results[opening.count].rows, path: path)
        else { return failure }
        let entries = objects.entries.filter { $0.owner == ledger.owner && !$0.isMember }
        guard entries.contains(where: { $0.name == Ledger.tableName && $0.belongsToSuperuser }) else { return failure }
        var failure = failure
        failure.message =
            "the ledger and \(entries.count - 1) other objects belong to \(ledger.owner), which is a superuser, and not to \(facts.role)"
        failure.hint = Advice.takingOver(entries, from: ledger.owner)
        return failure
    }
}

/// The migrations that a change would run, each with its section.
struct PendingMigrations {
    let items: [(migration: Migration, section: MigrationSection)]

    /// - Parameter checkpoint: takes the place of the migrations up to its version.
    init(plan: InstancePlan, set: MigrationSet, checkpoint: Checkpoint? = nil) {
        let start = checkpoint.map { [$0.extensionMigration, $0.ordinaryMigration].compactMap(\.self) } ?? []
        items =
            start.map { ($0, $0.up) }
            + plan.versions.filter { version in checkpoint.map { version > $0.version } != false }.compactMap { version in
                set[version].flatMap { migration in migration.section(plan.direction).map { (migration, $0) } }
            }
    }

    /// What a database that is still to be made would run.
    init(ofNewDatabase set: MigrationSet, to target: MigrationVersion?, startsFromCheckpoint: Bool) {
        let checkpoint = startsFromCheckpoint ? set.checkpoint(upTo: target) : nil
        var items: [(migration: Migration, section: MigrationSection)] = []
        for migration in [checkpoint?.extensionMigration, checkpoint?.ordinaryMigration].compactMap(\.self) {
            items.append((migration, migration.up))
        }
        for migration in set.migrations {
            if let target, migration.version > target { continue }
            if let checkpoint, migration.version <= checkpoint.version { continue }
            items.append((migration, migration.up))
        }
        self.items = items
    }

    /// The extensions that migrations marked with `convoy:admin` name or touch.
    var extensions: Set<String> {
        var names: Set<String> = []
        for (_, section) in items {
            guard let requirement = section.admin else { continue }
            names.formUnion(requirement.extensions)
            for object in Self.objects(of: section) where object.kind == .extension { names.insert(object.name.name) }
        }
        return names
    }

    /// The functions that such migrations change or replace.
    var functionsForAdmin: [SchemaEffect.Object] {
        items.filter { $0.section.admin != nil }.flatMap { Self.objects(of: $0.section) }.filter { $0.kind == .function }
    }

    static func objects(of section: MigrationSection) -> [SchemaEffect.Object] {
        section.elements.flatMap { element -> [SchemaEffect.Object] in
            guard case .statement(let statement) = element else { return [] }
            return statement.effects.compactMap { effect in
                switch effect {
                case .creates(let object, _, _), .alters(let object), .drops(let object, _): object
                default: nil
                }
            }
        }
    }
}
