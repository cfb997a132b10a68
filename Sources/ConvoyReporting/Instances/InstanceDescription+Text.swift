internal import ConvoyFleet
internal import ConvoyMigrations
import ConvoyRun
package import ConvoyText
internal import FoundationEssentials

extension InstanceDescription {
    /// How many pending migrations and runs the page shows.
    private static let dueLimit = 12
    private static let visitLimit = 5

    /// The facts, then what is due, the newest runs and what failed.
    package func table(_ style: OutputStyle) -> String {
        var blocks = [facts(style), dueLines(style), visitLines(style)]
        blocks += failureGroups.map { $0.lines(style) }
        blocks.append(status.warnings.prefix(20).map { "warning: \($0.visible)" })
        return blocks.filter { !$0.isEmpty }.map { $0.joined(separator: "\n") + "\n" }.joined(separator: "\n")
    }

    private func facts(_ style: OutputStyle) -> [String] {
        var facts: [(String, String)] = [
            ("fleet", fleet.visible),
            ("server", status.server.visible),
            ("database", status.database.visible + (status.serverVersion.map { ", PostgreSQL \($0.visible)" } ?? "")),
        ]
        let labels = status.labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)".visible }
        if !labels.isEmpty { facts.append(("labels", labels.joined(separator: ", "))) }
        if let skip = status.skip { facts.append(("skipped", skip.visible)) }
        if let wave { facts.append(("wave", wave.visible)) }
        if let known {
            facts.append(("version", (known.version.map { title($0) + sinceText } ?? "none") + knownText))
        }
        if let setback { facts.append(("question", setback.text)) }
        if let release { facts.append(("release", release.text)) }
        if let newest { facts.append(("newest", title(newest))) }
        if status.serverVersion != nil { facts.append(("due", dueText)) }
        if !status.edited.isEmpty { facts.append(("edited", shortList(status.edited))) }
        if !status.unknownVersions.isEmpty { facts.append(("unknown", shortList(status.unknownVersions))) }
        if !hooks.isEmpty { facts.append(("hooks", hooks.map(\.rawValue).joined(separator: ", "))) }
        if let lockHolders {
            let holders = lockHolders.map(\.text).joined(separator: "; ")
            facts.append(("lock", holders.isEmpty ? "free" : style.paint("held", .notable) + " by \(holders)"))
        }
        if let last = lastFailure, let later = last.resolvedBy {
            let when = last.visit.log.finishedAt.map { ", \($0.human)" } ?? ""
            let outcome = last.visit.log.result?.outcome.rawValue ?? "failed"
            facts.append(("last failure", "\(outcome) in run \(last.visit.run.id)\(when); it has ended well since, in run \(later.run.id)"))
        }
        let width = facts.map { $0.0.count }.max() ?? 0
        let outcome = style.paint(status.outcome.rawValue + (status.isAccepted ? " (accepted)" : ""), status.emphasis)
        let heading = style.paint(status.name.visible, .heading) + "  " + outcome
        return [heading] + facts.map { "  " + $0.padding(to: width) + "  " + $1 }
    }

    private var sinceText: String {
        guard let date = since else { return "" }
        return ", since \(date.human) (\(date.duration(to: at).humanAge) ago)"
    }

    private var knownText: String { remembered.map { ", as known \($0.age(at: at))" } ?? "" }

    private func title(_ version: MigrationVersion) -> String {
        "\(version)" + (names[version].map { " (\($0.visible))" } ?? "")
    }

    private var dueText: String {
        guard !due.isEmpty else { return "nothing" }
        let (known, unknown) = dueTime
        let count = counted(due.count, "migration")
        if unknown == due.count { return "\(count); how long they take here is not known: no run of this fleet has applied them" }
        return "\(count), usually \(known.human)" + (unknown == 0 ? "" : " and \(unknown) of unknown duration")
    }

    private func dueLines(_ style: OutputStyle) -> [String] {
        guard !due.isEmpty else { return [] }
        var table = TextTable([
            .init("DUE", importance: 3), .init("NAME", minimumWidth: 8, importance: 1), .init("USUALLY", .right, importance: 2),
        ])
        for (version, usually) in due.prefix(Self.dueLimit) {
            table.add(["\(version)", "\(names[version] ?? "-")", "\(usually?.human ?? "-")"])
        }
        let more = due.count - Self.dueLimit
        return table.lines(style) + (more > 0 ? ["\(style.ellipsis) and \(more) more"] : [])
    }

    private func visitLines(_ style: OutputStyle) -> [String] {
        let lines = Array(visits.prefix(Self.visitLimit)).lines(style)
        guard visits.count > Self.visitLimit || hasOlderVisits else { return lines }
        return lines + ["\(style.ellipsis) `\(historyCommand)` lists more"]
    }

    /// In quotation marks where a shell would read something else.
    private var historyCommand: String {
        let isPlain = status.name.utf8.allSatisfy { "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-".utf8.contains($0) }
        let name = isPlain ? status.name : "'\(status.name.visible.replacing("'", with: "'\\''"))'"
        return "convoy history \(name)"
    }

    /// What the probe found in the way, and what failed last, unless it is the same.
    private var failureGroups: [FailureGroup] {
        var seen: [FailureGroup.Occurrence] = []
        if let failure = status.failure { seen.append(.init(instance: status.name, wave: nil, at: at, failure: failure)) }
        // What is past is a fact above; its advice would now be wrong.
        if let (visit, failure, resolvedBy) = lastFailure, resolvedBy == nil {
            seen.append(.init(instance: status.name, wave: visit.wave, at: visit.log.finishedAt, failure: failure))
        }
        var groups = FailureGroup.groups(of: seen)
        for index in groups.indices { groups[index].instances = [status.name] }
        return groups
    }
}

extension String {
    /// The text with blanks up to a width.
    fileprivate func padding(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}
