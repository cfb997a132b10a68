import ConvoyMigrations
internal import ConvoyRollout
import ConvoyRun
import ConvoyText

/// How the plan of a baseline or a repair is shown.
extension PlanReport {
    /// The instances by wave, and what is written in how many of them.
    func correctionBlocks(_ correcting: Correcting, _ style: OutputStyle) -> [[String]] {
        guard waves.contains(where: { !$0.instances.isEmpty }) else { return [] }
        var table = TextTable([
            .init("WAVE", minimumWidth: 6, importance: 6),
            .init("INSTANCE", minimumWidth: 8, importance: 9),
            .init("OUTCOME", importance: 8),
            .init("FROM", importance: 4),
            .init("TO", importance: 7),
            .init("ROWS", .right, importance: 5),
            .init("SERVER", minimumWidth: 6, importance: 2),
            .init("DATABASE", minimumWidth: 8, importance: 1),
        ])
        var groups: [Correction: [String]] = [:]
        for wave in waves {
            for instance in wave.instances {
                let correction = isChanged(instance) ? correcting.corrections[instance.name] : nil
                if let correction { groups[correction.bare, default: []].append(instance.name) }
                table.add([
                    "\(wave.name)",
                    "\(instance.name)",
                    .init(instance.outcome.rawValue, instance.emphasis),
                    "\(instance.version?.description ?? "-")",
                    "\(correction?.result.last?.description ?? "-")",
                    "\(correction?.rows ?? 0)",
                    "\(instance.server)",
                    "\(instance.database)",
                ])
            }
        }
        let lines = groups.sorted { ($0.key.result.last?.value ?? 0, $0.value.count) > ($1.key.result.last?.value ?? 0, $1.value.count) }
            .flatMap {
                self.lines(on: $0.key, $0.value, correcting.kind)
            }
        return [table.lines(style), lines]
    }

    /// What is written in instances that are corrected alike.
    private func lines(on correction: Correction, _ names: [String], _ kind: Correction.Kind) -> [String] {
        var lines: [String] = []
        // Repairs differ from one instance to the next, and what is forced is the operator's word for each of them.
        let count = kind == .repair || correction.isForced ? shortList(names.map(\.visible)) : counted(names.count, "instance")
        if let version = correction.result.last, !correction.records.isEmpty || !correction.removes.isEmpty {
            let name = migrationNames[version].map { " (\($0))" } ?? ""
            lines.append("\(releases.named(version))\(name) on \(count): \(correction.words)")
        } else {
            lines.append("\(count): \(correction.words)")
        }
        if let reason = correction.reason { lines.append("  \(reason.visible)") }
        return lines
    }
}

extension PlanReport.Correcting {
    /// What is done to instances, within a sentence.
    var verb: String {
        switch kind {
        case .baseline: "write the ledger of"
        case .repair: "repair"
        }
    }

    /// The same at the start of a question.
    var question: String {
        switch kind {
        case .baseline: "Write the ledger of"
        case .repair: "Repair"
        }
    }

    /// That there is nothing to do.
    var nothing: String {
        switch kind {
        case .baseline: "no ledger to write"
        case .repair: "nothing to repair"
        }
    }
}

extension Correction {
    /// How many rows it inserts or deletes in ledger and audit log, without the rows of the audit log that only say so.
    var rows: Int { records.count + removes.count + accepts.count }

    /// The same for instances whose schemas differ in nothing that matters here.
    fileprivate var bare: Correction {
        var correction = self
        correction.fingerprint = nil
        return correction
    }

    /// `105 rows into the ledger`.
    fileprivate var words: String {
        var parts: [String] = []
        if !records.isEmpty {
            let versions = kind == .repair ? ": \(shortList(records))" : ""
            parts.append("\(counted(records.count, "row")) into the ledger\(versions)")
        }
        if !removes.isEmpty { parts.append("\(counted(removes.count, "row")) out of the ledger: \(shortList(removes))") }
        if !accepts.isEmpty { parts.append("\(counted(accepts.count, "edited file")) accepted: \(shortList(accepts))") }
        if !rebuilt.isEmpty {
            parts.append(
                "\(counted(rebuilt.count, rebuilt.count == 1 ? "index" : "indexe")) built again: \(shortList(rebuilt.map(\.index.visible)))"
            )
        }
        return parts.joined(separator: "; ")
    }
}
