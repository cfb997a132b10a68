import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun

/// What is asked of the catalogue for the pending migrations of one instance, and what the answers mean. Pure: the questions go out, and the
/// rows come in, elsewhere.
struct CatalogueInquiry {
    let pending: PendingMigrations
    let vocabulary: SetVocabulary
    let facts: InstanceFacts
    let ledger: Ledger
    /// Whether the instance has no version of the set.
    let isEmpty: Bool
    let instance: Instance
    let intent: InstanceRunner.Intent
    /// What the migrations need of the objects of now. What the administrator runs does not ask for ownership.
    private let forecast: SchemaForecast

    init(
        pending: PendingMigrations,
        vocabulary: SetVocabulary,
        facts: InstanceFacts,
        ledger: Ledger,
        isEmpty: Bool,
        instance: Instance,
        intent: InstanceRunner.Intent
    ) {
        (self.pending, self.vocabulary, self.facts, self.ledger) = (pending, vocabulary, facts, ledger)
        (self.isEmpty, self.instance, self.intent) = (isEmpty, instance, intent)
        var forecast = SchemaForecast(schema: ledger.schema)
        for (migration, section) in pending.items { forecast.add(migration, section, asOwner: section.admin == nil) }
        self.forecast = forecast
    }

    enum Subject: Hashable {
        case extensions, objects, dependents, hazards, leftovers
    }

    struct Question {
        let subject: Subject
        let statement: PipelineStatement
    }

    /// The schemas in which names without a schema are resolved.
    private var path: [String] { ledger.schema == "public" ? ["public"] : [ledger.schema, "public"] }

    private var needsExtensions: Bool { !facts.isSuperuser && pending.items.contains { $0.section.admin != nil } }

    var questions: [Question] {
        var questions: [Question] = []
        if needsExtensions {
            questions.append(
                Question(subject: .extensions, statement: ExtensionRights.question(pending.extensions, role: ledger.owner))
            )
            if instance.admin != nil {
                let hazards = AdminHazards.query(ledger: ledger, includesAuditLog: includesAuditLog)
                questions.append(Question(subject: .hazards, statement: PipelineStatement(hazards + "\nLIMIT 200")))
            }
        }
        if isEmpty {
            // The question about them is a long one.
            if facts.pending?.hasOtherObjects != false {
                let schemas = vocabulary.schemas.union(path)
                questions.append(Question(subject: .leftovers, statement: Leftovers.question(schemas: schemas)))
            }
        } else {
            questions.append(
                Question(
                    subject: .objects,
                    statement: CatalogueObjects.question(forecast, also: pending.functionsForAdmin, role: ledger.owner, path: path)
                )
            )
        }
        if !isEmpty, !forecast.losses.isEmpty {
            questions.append(Question(subject: .dependents, statement: Dependents(forecast.losses).question(path: path)))
        }
        return questions
    }

    private var includesAuditLog: Bool { instance.settings.audit == .database && facts.auditTable != nil }

    func verdict(_ answers: [Subject: [QueryResult.Row]]) throws(PostgresError) -> Preflight.CatalogueVerdict {
        var verdict = Preflight.CatalogueVerdict()
        let objects = try CatalogueObjects(answers[.objects] ?? [], path: path)
        if let rows = answers[.leftovers], let failure = try Leftovers.failure(rows) {
            verdict.failure = failure
            return verdict
        }
        if let rows = answers[.extensions] {
            var rights = try ExtensionRights(rows)
            rights.objects = objects
            verdict.forAdmin = rights.beyondRights(pending)
            if instance.admin == nil, let failure = rights.missingAdmin(pending, verdict.forAdmin, facts, ledger) {
                guard intent == .reading else {
                    verdict.failure = failure
                    return verdict
                }
                verdict.warnings.append(InstanceAssessment.warning(ofRefusal: failure))
            }
        }
        verdict.failure = OwnershipRule.failure(forecast, objects, ledger)
        verdict.conflict = NameRule.failure(forecast, objects, ledger)
        if let rows = answers[.dependents] {
            let (failure, accepted) = try Dependents(forecast.losses)
                .verdict(rows, accepted: instance.settings.acceptedDrops, vocabulary: vocabulary)
            if !accepted.isEmpty {
                verdict.warnings.append(
                    "the migrations also drop, as accept_drops allows: \(accepted.joined(separator: ", "))"
                )
            }
            verdict.conflict = verdict.conflict ?? failure
        }
        if let rows = answers[.hazards], let first = pending.items.first(where: { verdict.forAdmin.contains($0.migration.version) }) {
            var hazard = try AdminHazards.failure(rows)
            hazard?.version = first.migration.version
            hazard?.file = first.migration.file
            verdict.conflict = verdict.conflict ?? hazard
        }
        return verdict
    }
}
