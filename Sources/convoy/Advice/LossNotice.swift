import ConvoyFleet
import ConvoyKit
import ConvoyMigrations
import ConvoyReporting
import ConvoyRollout
import ConvoyRun
import ConvoyText

/// What a rollback deletes according to the down sections of its migrations: the tables and columns that they drop, the rows that they delete, and
/// about how many rows that is.
struct LossNotice {
    /// Something that is deleted, with the instances on which it is.
    struct Entry: Hashable {
        var loss: StatementLoss
        var instances: [String]
    }

    /// In the order in which they are deleted.
    private(set) var entries: [Entry] = []
    /// Versions whose down section runs a step of the program, which may change more data.
    private(set) var steps: [MigrationVersion] = []
    private static let limit = 12

    /// What the plan deletes on the instances that it changes.
    init(_ plan: PlanReport, _ set: MigrationSet) {
        let changed = plan.instances.filter { $0.outcome == .pending && !$0.pending.isEmpty }
        for (version, _) in plan.migrations {
            guard let migration = set[version], case .section(let section) = migration.down else { continue }
            let names = changed.filter { $0.pending.contains(version) }.map(\.name)
            for element in section.elements {
                switch element {
                case .statement(let statement): for loss in statement.losses { add(loss, on: names) }
                case .step: steps.append(version)
                }
            }
        }
    }

    private mutating func add(_ loss: StatementLoss, on names: [String]) {
        guard let index = entries.firstIndex(where: { $0.loss == loss }) else {
            return entries.append(Entry(loss: loss, instances: names))
        }
        let known = Set(entries[index].instances)
        entries[index].instances += names.filter { !known.contains($0) }
    }

    /// The entries that are shown one by one.
    private var shown: ArraySlice<Entry> { entries.prefix(Self.limit) }

    /// The tables on an instance of which something is deleted that is shown.
    func tables(on instance: String) -> [[String]] {
        var seen: Set<[String]> = []
        return shown.filter { $0.instances.contains(instance) }.compactMap(\.loss.table).filter { seen.insert($0).inserted }
    }

    /// Empty if the down sections delete nothing.
    ///
    /// - Parameter rows: about how many rows tables have, by the names of the instances that could be asked.
    func text(_ rows: [String: [[String]: Int]] = [:]) -> String {
        guard !entries.isEmpty || !steps.isEmpty else { return "" }
        var text = ""
        if !entries.isEmpty {
            let more = entries.count > Self.limit ? " and \(entries.count - Self.limit) more" : ""
            let losses = shown.map { $0.loss.text.visible + count(of: $0, rows) }
            text += "this permanently deletes: " + losses.joined(separator: ", ") + "\(more)\n"
        }
        if !steps.isEmpty {
            text += "the program steps of \(steps.prefix(5).map(\.description).joined(separator: ", ")) may also change data\n"
        }
        return text
    }

    /// About how many rows lose something, over all instances; nothing if no instance could be asked.
    private func count(of entry: Entry, _ rows: [String: [[String]: Int]]) -> String {
        guard let table = entry.loss.table else { return "" }
        let asked = entry.instances.compactMap { rows[$0]?[table] }
        guard !asked.isEmpty else {
            return entry.instances.contains { rows[$0] != nil } ? " (how many rows is not known)" : ""
        }
        // A database may claim any number.
        let sum = asked.reduce(0) { sum, rows in
            let (total, isTooMuch) = sum.addingReportingOverflow(rows)
            return isTooMuch ? .max : total
        }
        let part = asked.count < entry.instances.count ? " in \(asked.count) of \(entry.instances.count) databases" : ""
        return " (\(entry.loss.isOfSomeRows ? "at most " : "")about \(counted(sum, "row"))\(part))"
    }
}

extension FleetSession {
    /// How long the question may take for the numbers of rows.
    private static let patience = Duration.seconds(10)

    /// Writes what a rollback deletes, with estimates of the catalogues, and that the app must not run meanwhile.
    func tellLosses(of report: PlanReport, on instances: [Instance]) async {
        let notice = LossNotice(report, set)
        let asked = instances.filter { !notice.tables(on: $0.name).isEmpty }
        var rows: [String: [[String]: Int]] = [:]
        if !asked.isEmpty {
            statusLine.show("counting rows in \(counted(asked.count, "database"))")
            let found = await client.probe.estimatedRows(of: { notice.tables(on: $0.name) }, on: asked, within: Self.patience)
            for (instance, found) in zip(asked, found) { rows[instance.name] = found }
            statusLine.clear()
        }
        var text = notice.text(rows)
        let points = fleet.rollout.hooks.commands
        if points[.beforeInstance] == nil || points[.afterInstance] == nil {
            text += "stop TeslaMate on these instances first: one that runs needs what is removed, and one that starts migrates up again\n"
        }
        StandardStreams.error.write(text)
    }
}
