internal import ConvoyMigrations
import ConvoyRollout
package import ConvoyRun
import ConvoyText
package import FoundationEssentials

extension FleetReport {
    /// The report for an issue, a pull request or a wiki: what it comes to, versions, failures, then every instance.
    ///
    /// - Parameter state: what the journal knows of the run in addition to its events.
    package func markdown(state: RunState? = nil, at now: Date) -> String {
        var blocks = ["# " + (fleet.isEmpty ? "Fleet" : MarkdownText.plain(fleet)) + "\n"]
        blocks.append(markdownFacts(state ?? endState, now).map { "- \($0)\n" }.joined())
        if !instances.isEmpty {
            blocks.append("## Outcomes\n")
            blocks.append(
                MarkdownText.table(["Outcome", "Instances:"], summary.outcomes.ordered.map { [$0.outcome.rawValue, String($0.count)] })
            )
            blocks.append("## Versions\n")
            blocks.append(
                MarkdownText.table(
                    releases.isEmpty ? ["Version", "Instances:"] : ["Version", "Release", "Instances:"],
                    summary.versionRows.map {
                        releases.isEmpty ? [$0.name, String($0.count)] : [$0.name, $0.release ?? "", String($0.count)]
                    }
                )
            )
        }
        if log.waves.count > 1 {
            blocks.append("## Waves\n")
            blocks.append(
                MarkdownText.table(
                    ["Wave", "Instances:", "Outcomes"],
                    log.waves.map { [MarkdownText.code($0.name), String($0.instances), $0.allOutcomes.text] }
                )
            )
        }
        let edited = editedMigrations
        if !edited.isEmpty {
            blocks.append("## Edited since they were applied\n")
            blocks.append(
                MarkdownText.table(
                    ["Migration", "Instances:", "Names"],
                    edited.map {
                        ["`\($0.version)`", String($0.instances.count), $0.instances.map(MarkdownText.code).joined(separator: ", ")]
                    }
                )
            )
        }
        let groups = failureGroups
        if !groups.isEmpty { blocks.append("## Failures\n") }
        blocks += groups.map(\.markdown)
        let setbacks = setbackTexts
        if !setbacks.isEmpty {
            blocks.append("## Behind what is known of them\n")
            blocks.append(setbacks.map { "- \(MarkdownText.plain($0))\n" }.joined())
        }
        let skipped = skipped
        if !skipped.isEmpty {
            blocks.append("## Skipped\n")
            blocks.append(
                MarkdownText.table(["Instance", "Reason"], skipped.map { [MarkdownText.code($0.name), MarkdownText.plain($0.reason)] })
            )
        }
        if !instances.isEmpty {
            blocks.append("## Instances\n")
            blocks.append(markdownInstances)
        }
        return blocks.joined(separator: "\n")
    }

    private func markdownFacts(_ state: RunState, _ now: Date) -> [String] {
        let outcomes = summary.outcomeText(OutputStyle())
        var facts = ["\(shownCount)\(outcomes.isEmpty ? "" : ": ")\(outcomes)"]
        if let target { facts.append("newest version `\(target)`" + (releases.place(of: target).map { ", \($0.text)" } ?? "")) }
        if !log.run.isEmpty {
            let took = log.startedAt == nil ? "" : ", \(log.duration(at: now).human)"
            let started = log.startedAt.map { ", started \($0.rfc3339)" } ?? ""
            facts.append("run \(MarkdownText.code(log.run)): \(state.words)\(took)\(started)")
        }
        if let haltReason = log.haltReason { facts.append("halted: \(MarkdownText.plain(haltReason.description))") }
        if let lookedAt { facts.append("looked at \(lookedAt.rfc3339)") }
        return facts
    }

    private var markdownInstances: String {
        let (hasRun, hasProbes) = (!log.run.isEmpty, lookedAt != nil)
        var columns = ["Instance", "Outcome"]
        if hasRun { columns += ["Wave", "From"] }
        columns += releases.isEmpty ? ["Version", "Pending:"] : ["Version", "Release", "Pending:"]
        if hasRun { columns += ["Applied:", "Time:"] }
        if hasProbes { columns += ["Last migrated"] }
        columns += ["Server", "Database"]
        return MarkdownText.table(
            columns,
            instances.map { instance in
                var cells = [MarkdownText.code(instance.name), instance.outcome.rawValue]
                if hasRun { cells += [instance.wave.map(MarkdownText.code) ?? "", instance.from?.description ?? ""] }
                cells += [instance.version?.description ?? ""]
                if !releases.isEmpty { cells += [instance.release?.text ?? ""] }
                cells += [instance.due.map { String($0.count) } ?? ""]
                if hasRun { cells += [String(instance.applied.count), instance.workTime?.human ?? ""] }
                if hasProbes { cells += [instance.since?.rfc3339 ?? ""] }
                return cells + [instance.server.map(MarkdownText.code) ?? "", instance.database.map(MarkdownText.code) ?? ""]
            }
        )
    }
}

extension FailureGroup {
    fileprivate var markdown: String {
        var text = "### \(failure.kind.rawValue): \(counted(instances.count, "instance"))\n\n"
        let names = instances.prefix(10).map(MarkdownText.code).joined(separator: ", ")
        text += "- instances: \(names)\(instances.count > 10 ? " and \(instances.count - 10) more" : "")\n"
        text += "- message: \(MarkdownText.code(failure.message))"
        if let sqlstate = failure.sqlstate { text += " (SQLSTATE \(MarkdownText.plain(sqlstate)))" }
        text += "\n"
        if let place = failure.place { text += "- place: \(MarkdownText.code(place))\n" }
        if let detail = failure.detail { text += "- detail: \(MarkdownText.plain(detail))\n" }
        if let holder = failure.lockedBy { text += "- locked by: \(MarkdownText.plain(holder.text))\n" }
        if let hint = failure.serverHint { text += "- the server's hint: \(MarkdownText.plain(hint))\n" }
        if let hint = failure.hint { text += "- hint: \(MarkdownText.plain(hint))\n" }
        if let excerpt = failure.excerpt() { text += "\n" + MarkdownText.fenced(excerpt.marked(), language: "sql") + "\n" }
        return text
    }
}
