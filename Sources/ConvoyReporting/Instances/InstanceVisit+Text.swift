internal import ConvoyMigrations
import ConvoyRun
import ConvoyText
internal import FoundationEssentials

extension [InstanceVisit] {
    /// One line for each run.
    func lines(_ style: OutputStyle) -> [String] {
        guard !isEmpty else { return [] }
        var table = TextTable([
            .init("WHEN", importance: 8),
            .init("RUN", importance: 7),
            .init("BY", minimumWidth: 8, importance: 3),
            .init("OUTCOME", importance: 9),
            .init("FROM", importance: 4),
            .init("TO", importance: 5),
            .init("MIGRATIONS", .right, importance: 2),
            .init("TIME", .right, importance: 6),
        ])
        for visit in self {
            table.add([
                "\(visit.startedAt.human)",
                "\(visit.run.id)",
                "\(visit.run.startedBy)",
                visit.outcome.map { .init($0.rawValue, $0.emphasis) } ?? .init(visit.unfinishedWords, .notable),
                "\(visit.from?.description ?? "-")",
                "\(visit.to?.description ?? "-")",
                "\(visit.log.applied.count)",
                "\(visit.duration?.human ?? "-")",
            ])
        }
        return table.lines(style)
    }
}

extension InstanceVisit {
    /// What is said instead of an outcome.
    fileprivate var unfinishedWords: String { state == .running ? "in progress" : "cut off" }

    /// An element of `runs` of the machine output.
    var json: JSONValue {
        let json: JSONValue = [
            "run": .string(run.id.description),
            "direction": .string(run.change.direction.rawValue),
            "status": .string(state.text),
            "started_by": .string(run.startedBy),
            "wave": .optional(wave),
            "started_at": .string(startedAt.rfc3339),
            "finished_at": .optional(outcome == nil ? nil : log.finishedAt?.rfc3339),
            "duration": duration.map { JSONValue.seconds($0.seconds) } ?? .null,
            "outcome": .optional(outcome?.rawValue),
            "from": .optional(from?.description),
            "to": .optional(to?.description),
            "applied": .array(log.applied.map(\.json)),
            "failure": log.result?.failure?.json ?? .null,
        ]
        // Only a run that runs no migration has its kind.
        guard let kind = run.change.correctionKind else { return json }
        return json.inserting("kind", .string(kind.rawValue), behind: "direction")
    }
}
