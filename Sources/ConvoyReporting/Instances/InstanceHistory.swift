package import ConvoyMigrations
package import ConvoyRun
package import ConvoyText
package import FoundationEssentials

/// What is known of an instance's past: the runs that the journal has, and the rows of its own audit log.
package struct InstanceHistory: Sendable {
    package var fleet: String
    package var instance: String
    /// Whether the fleet still has it.
    package var isInFleet: Bool
    /// The journal as the user named it.
    package var journal: String
    /// When it was read.
    package var generatedAt: Date
    /// The newest first.
    package var visits: [InstanceVisit]
    /// Whether the journal has more than these.
    package var hasOlderVisits: Bool
    /// Nil if the database was not asked.
    package var trail: AuditTrail?
    /// The names of migrations, for people, as far as they are known.
    package var names: [MigrationVersion: String]

    package init(
        fleet: String,
        instance: String,
        isInFleet: Bool,
        journal: String,
        generatedAt: Date,
        visits: [InstanceVisit],
        hasOlderVisits: Bool,
        trail: AuditTrail?,
        names: [MigrationVersion: String]
    ) {
        self.fleet = fleet
        self.instance = instance
        self.isInFleet = isInFleet
        self.journal = journal
        self.generatedAt = generatedAt
        self.visits = visits
        self.hasOlderVisits = hasOlderVisits
        self.trail = trail
        self.names = names
    }

    // MARK: For people

    /// The runs, the rows of the audit log, and one line that sums them up.
    package func table(_ style: OutputStyle) -> String {
        var blocks = [visits.lines(style)]
        if hasOlderVisits { blocks[0].append("\(style.ellipsis) older runs are left out: use --limit") }
        if case .entries(let entries, let leftOut) = trail, !entries.isEmpty {
            blocks.append(lines(entries, style))
            if leftOut > 0 { blocks[1].append("\(style.ellipsis) \(counted(leftOut, "older row")) left out: use --limit") }
            let foreign = entries.count { !$0.isOfThisDatabase }
            if foreign > 0 {
                let rows = "\(counted(foreign, "row")) marked * \(foreign == 1 ? "names" : "name") another database"
                blocks.append(["\(rows), as rows do in a database that was restored or cloned"])
            }
        }
        blocks.append([verdict])
        return blocks.filter { !$0.isEmpty }.map { $0.joined(separator: "\n") + "\n" }.joined(separator: "\n")
    }

    private func lines(_ entries: [AuditEntry], _ style: OutputStyle) -> [String] {
        var table = TextTable([
            .init("APPLIED", importance: 8),
            .init("VERSION", importance: 9),
            .init("NAME", minimumWidth: 12, importance: 4),
            .init("DIRECTION", importance: 7),
            .init("TIME", .right, importance: 5),
            .init("RUN", minimumWidth: 12, importance: 6),
            .init("ROLE", minimumWidth: 8, importance: 3),
            .init("CONVOY", minimumWidth: 6, importance: 1),
        ])
        for entry in entries {
            table.add([
                "\(entry.startedAt?.human ?? "-")",
                "\(entry.version)\(entry.isOfThisDatabase ? "" : " *")",
                "\(entry.name)\(entry.checkpoint.map { " (checkpoint \($0))" } ?? "")",
                "\(entry.direction?.rawValue ?? (entry.isAcceptance ? "accepted" : "?"))",
                "\(entry.duration.human)",
                "\(entry.run)",
                "\(entry.appliedBy)",
                "\(entry.convoyVersion)",
            ])
        }
        return table.lines(style)
    }

    private var verdict: String {
        var parts = [visits.isEmpty ? "no run in \(journal.visible)" : "\(counted(visits.count, "run")) in \(journal.visible)"]
        switch trail {
        case .entries(let entries, let leftOut): parts.append("\(counted(entries.count + leftOut, "row")) in convoy.migration_log")
        case .missing: parts.append("no audit log in the database")
        case .unreadable(let reason): parts.append("the audit log cannot be read: \(reason.visible)")
        case nil: if !isInFleet { parts.append("the fleet no longer has this instance") }
        }
        return "\(instance.visible) of \(fleet.visible): \(parts.joined(separator: "; "))"
    }

    // MARK: For programs

    /// `convoy.history/1`, as its JSON Schema has it.
    package var json: JSONValue {
        [
            "schema": "convoy.history/1",
            "fleet": .string(fleet),
            "instance": .string(instance),
            "in_fleet": .bool(isInFleet),
            "journal": .string(journal),
            "generated_at": .string(generatedAt.rfc3339),
            "runs": .array(visits.map(\.json)),
            "has_older_runs": .bool(hasOlderVisits),
            "audit_log": trail?.json ?? .null,
        ]
    }
}

extension AuditTrail {
    fileprivate var json: JSONValue {
        switch self {
        case .entries(let entries, let leftOut):
            ["state": "read", "reason": .null, "older_rows": .integer(leftOut), "rows": .array(entries.map(\.json))]
        case .missing: ["state": "missing", "reason": .null, "older_rows": .integer(0), "rows": .array([])]
        case .unreadable(let reason): ["state": "unreadable", "reason": .string(reason), "older_rows": .integer(0), "rows": .array([])]
        }
    }
}

extension AuditEntry {
    fileprivate var json: JSONValue {
        let json: JSONValue = [
            "version": .string(version.description),
            "name": .string(name),
            "direction": .optional(direction?.rawValue),
            "run": .string(run),
            "started_at": .optional(startedAt?.rfc3339),
            "duration": .seconds(duration.seconds),
            "applied_by": .string(appliedBy),
            "convoy_version": .string(convoyVersion),
            "of_this_database": .bool(isOfThisDatabase),
        ]
        // Most rows have no checkpoint.
        return checkpoint.map { json.inserting("checkpoint", .string($0.description), behind: "name") } ?? json
    }
}
