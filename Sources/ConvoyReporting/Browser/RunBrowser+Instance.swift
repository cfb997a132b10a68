import ConvoyMigrations
internal import ConvoyRollout
import ConvoyRun
import ConvoyText
import FoundationEssentials

extension RunBrowser {
    /// A migration of the instance that is looked into.
    struct Entry: Sendable, Hashable {
        enum State: Sendable, Hashable {
            case done(Duration)
            case underWay, failed, toCome
            /// The instance has ended before its turn.
            case left
        }

        var version: MigrationVersion
        var direction: MigrationDirection
        var state: State

        var text: String {
            switch state {
            case .done: direction == .up ? "applied" : "reverted"
            case .underWay: "under way"
            case .failed: "failed"
            case .toCome: "to come"
            case .left: "not reached"
            }
        }

        var emphasis: Emphasis {
            switch state {
            case .done: .good
            case .underWay: .notable
            case .failed: .bad
            case .toCome, .left: .faint
            }
        }
    }

    /// The migrations of the instance, in the order in which the run takes them.
    var entries: [Entry] {
        guard let log = opened else { return [] }
        var entries = log.applied.map { Entry(version: $0.version, direction: $0.direction, state: .done($0.duration)) }
        let rest = facts.pending(log)?.dropFirst(log.appliedOfPlan) ?? []
        let direction = log.isReturning ? .down : facts.direction
        let failed = log.result?.failure?.version
        for (place, version) in rest.enumerated() {
            let state: Entry.State =
                switch log.state {
                case .notReached: .toCome
                case .running: place == 0 ? .underWay : .toCome
                case .finished: version == failed ? .failed : .left
                }
            entries.append(Entry(version: version, direction: direction, state: state))
        }
        return entries
    }

    /// The migration that is looked into.
    var openedEntry: Entry? { entries.dropFirst(migrations.position).first }

    // MARK: The instance

    /// How many lines of a failure are shown above the migrations; all of them if no migration is shown.
    private var failureLimit: Int { entries.isEmpty ? height : max(4, height / 3) }

    private func instanceHead(at now: Date) -> [ScreenLine] {
        guard let name = openedInstance else { return [] }
        var heading = ScreenLine(name, .heading)
        guard let log = opened, let index = rows.index(of: name) else { return [heading, ScreenLine("reading the journal", .faint)] }
        let row = rows.all[index]
        heading.append("  \(row.state.isInProgress && !isActive ? "cut off" : row.state.text)", row.state.emphasis)
        var lines = [heading]
        let place = facts.places[name].map { ["server \($0.server)", "database \($0.database)"] } ?? []
        lines.append(ScreenLine("  " + (place + ["wave \(row.wave)"]).joined(separator: ", ")))
        let start = log.startedAt.map { ["started \($0.human)"] } ?? []
        let elapsed = row.elapsed(at: now, isActive: isActive).map { [$0.clock] } ?? []
        lines.append(ScreenLine("  " + (["version \(versions(row))"] + start + elapsed).joined(separator: ", ")))
        lines += waits(log, at: now)
        let failure = failureLines(log)
        lines += failure.prefix(failureLimit)
        if failure.count > failureLimit { lines.append(ScreenLine("  \(style.ellipsis) open the migration for the rest", .faint)) }
        return lines
    }

    /// What an instance in progress is busy with, and what it waits for.
    private func waits(_ log: InstanceLog, at now: Date) -> [ScreenLine] {
        guard case .running(let reason) = log.state, isActive else { return [] }
        if let reason { return sentence("waits: \(reason.visible)", .notable) }
        return sentence(log.progress(at: now), .none)
    }

    private func sentence(_ text: String, _ emphasis: Emphasis) -> [ScreenLine] {
        FailureGroup.wrapped(text, indent: 2, OutputStyle(width: width)).map { ScreenLine($0, emphasis) }
    }

    /// What failed, where, who holds the lock that was waited for, and what to do.
    private func failureLines(_ log: InstanceLog) -> [ScreenLine] {
        guard let failure = log.result?.failure else { return [] }
        let occurrence = FailureGroup.Occurrence(instance: log.name, wave: log.wave, at: log.finishedAt, failure: failure)
        let plain = OutputStyle(width: width - 2, usesUnicode: style.usesUnicode)
        let lines = FailureGroup.groups(of: [occurrence]).flatMap { $0.lines(plain) }
        return lines.enumerated().map { ScreenLine("  " + $1, $0 == 0 ? .bad : .none) }
    }

    var migrationsHeight: Int { max(1, height - instanceHead(at: .distantFuture).count - 3) }

    func instanceLines(at now: Date) -> [ScreenLine] {
        var lines = instanceHead(at: now)
        guard let log = opened else { return lines }
        let entries = entries
        guard !entries.isEmpty else {
            let isKnown = facts.pending(log) != nil
            return lines + [ScreenLine("  " + (isKnown ? "nothing to apply" : "the migrations are not known yet"), .faint)]
        }
        var title = ScreenLine("  ")
        title.append("MIGRATION", .heading, width: 16, style)
        title.append("STATE", .heading, width: 13, style)
        title.append("TIME", .heading, width: 8, isRight: true, style)
        title.append("  NAME", .heading)
        lines.append(title)
        for position in migrations.range(count: entries.count, height: migrationsHeight) {
            let entry = entries[position]
            var line = ScreenLine(position == migrations.position ? "> " : "  ")
            line.isSelected = position == migrations.position
            line.append(entry.version.description, width: 16, style)
            line.append(isActive || entry.state != .underWay ? entry.text : "cut off", entry.emphasis, width: 13, style)
            line.append(time(of: entry, log, at: now), width: 8, isRight: true, style)
            line.append("  \(facts.migrations[entry.version]?.name ?? "-")")
            lines.append(line)
        }
        return lines
    }

    private func time(of entry: Entry, _ log: InstanceLog, at now: Date) -> String {
        switch entry.state {
        case .done(let duration): duration.human
        case .underWay where isActive: log.steppedAt.map { $0.duration(to: now).clock } ?? "-"
        case .underWay, .failed, .toCome, .left: "-"
        }
    }

    // MARK: The migration

    private static let statementLineLimit = 2000

    private func migrationHead(at now: Date) -> [ScreenLine] {
        guard let log = opened, let entry = openedEntry else { return [ScreenLine("the migration is not pending any more", .faint)] }
        var heading = ScreenLine("\(entry.version)", .heading)
        if let migration = facts.migrations[entry.version] { heading.append(" \(migration.name)", .heading) }
        heading.append("  \(isActive || entry.state != .underWay ? entry.text : "cut off")", entry.emphasis)
        let time = time(of: entry, log, at: now)
        if time != "-" { heading.append(entry.state == .underWay ? " for \(time)" : " in \(time)") }
        heading.append(" on \(log.name)")
        return [heading] + (entry.state == .underWay ? waits(log, at: now) : [])
    }

    /// What can be read about the migration: how it failed, and its statements.
    var migrationText: [ScreenLine] {
        guard let log = opened, let entry = openedEntry else { return [] }
        var lines = entry.state == .failed ? failureLines(log) + [ScreenLine()] : []
        guard let migration = facts.migrations[entry.version] else {
            return lines + [ScreenLine("  the migration set cannot be read here, so its statements are not known", .faint)]
        }
        lines.append(ScreenLine("  \(migration.file), \(entry.direction.rawValue) section", .heading))
        if facts.edited.contains(entry.version) {
            lines.append(ScreenLine("  the file has changed since the run was planned: the run has the statements from before", .notable))
        }
        guard let section = entry.direction == .up ? migration.up : migration.down.section else {
            return lines + [ScreenLine("  it cannot be reverted", .notable)]
        }
        for element in section.elements {
            switch element {
            case .step(let name, let number): lines.append(ScreenLine("\(Self.margin(number))step \(name)"))
            case .statement(let statement):
                for (offset, text) in statement.text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
                    let text = String(text).prefix(bytes: 2000).replacing("\t", with: "    ").replacing("\r", with: "")
                    lines.append(ScreenLine(Self.margin(statement.line + offset) + text))
                    if lines.count >= Self.statementLineLimit {
                        return lines + [ScreenLine("  \(style.ellipsis) the file has more", .faint)]
                    }
                }
            }
        }
        return lines
    }

    /// The number of a line of the file.
    private static func margin(_ line: Int) -> String {
        let number = String(line)
        return String(repeating: " ", count: max(0, 6 - number.count)) + number + "  "
    }

    var textHeight: Int { max(1, height - migrationHead(at: .distantFuture).count - 2) }

    func migrationLines(at now: Date) -> [ScreenLine] {
        let all = migrationText
        return migrationHead(at: now) + text.range(count: all.count, height: textHeight).map { all[$0] }
    }
}

extension Reversal {
    /// What reverts the migration; nil if nothing does.
    fileprivate var section: MigrationSection? { if case .section(let section) = self { section } else { nil } }
}
