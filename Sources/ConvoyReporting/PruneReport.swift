import ConvoyMigrations
internal import ConvoyRollout
package import ConvoyRun
package import ConvoyText
package import FoundationEssentials

/// What `convoy runs prune` removes, or would remove.
package struct PruneReport: Sendable {
    /// The journal as the user named it.
    package var journal: String
    /// When it was made.
    package var generatedAt: Date
    /// Whether nothing was removed, because it was only asked what would be.
    package var isDryRun: Bool
    /// Newest first.
    package var removed: [RunRecord]
    /// How many runs are left.
    package var kept: Int
    /// How many of those are older than asked for.
    package var protected: Int
    /// The size of the file before and after, in bytes; nil for a dry run.
    package var bytes: (before: Int, after: Int)?
    /// Whether the file keeps its size because a run is active.
    package var isStillInUse: Bool

    /// What was removed, or what would be.
    package init(
        journal: String,
        generatedAt: Date,
        isDryRun: Bool,
        removed: [RunRecord],
        kept: Int,
        protected: Int = 0,
        bytes: (before: Int, after: Int)? = nil,
        isStillInUse: Bool = false
    ) {
        self.journal = journal
        self.generatedAt = generatedAt
        self.isDryRun = isDryRun
        self.removed = removed
        self.kept = kept
        self.protected = protected
        self.bytes = bytes
        self.isStillInUse = isStillInUse
    }

    /// The most runs that a table lists.
    private static let listed = 20

    /// The runs as people read them, and one line that sums it up.
    package func table(_ style: OutputStyle) -> String {
        var blocks: [[String]] = []
        if !removed.isEmpty {
            var table = TextTable([
                .init("RUN", importance: 5), .init("FLEET", minimumWidth: 6, importance: 1), .init("STATUS", importance: 4),
                .init("STARTED", importance: 3), .init("INSTANCES", .right, importance: 2),
            ])
            for run in removed.prefix(Self.listed) {
                table.add([
                    "\(run.id)", "\(run.fleet)", "\(run.status?.rawValue ?? "-")", "\(run.startedAt.human)", "\(run.instances)",
                ])
            }
            let more = removed.count > Self.listed ? ["and \(removed.count - Self.listed) older ones"] : []
            blocks.append(table.lines(style) + more)
        }
        blocks.append([verdict])
        return blocks.map { $0.joined(separator: "\n") + "\n" }.joined(separator: "\n")
    }

    private var verdict: String {
        let name = journal.visible
        guard !removed.isEmpty else { return "\(name): nothing to remove among \(counted(kept, "run"))" + exceptions }
        let runs = "\(removed.count) of \(counted(removed.count + kept, "run"))"
        if isDryRun { return "\(name): would remove \(runs)" + exceptions }
        let size = bytes.map { "; \($0.before.bytesText) before, \($0.after.bytesText) now" } ?? ""
        return "\(name): removed \(runs)" + size + (isStillInUse ? "; a run is active, so that the file shrinks later" : "") + exceptions
    }

    private var exceptions: String {
        guard protected > 0 else { return "" }
        let (runs, they) = protected == 1 ? ("1 older run is", "it") : ("\(protected) older runs are", "they")
        return "; \(runs) kept: \(they) can be resumed, or no newer run is known of the fleet or of an instance"
    }

    /// What a person is asked before it is done.
    package var question: String { "Remove \(removed.count) of \(counted(removed.count + kept, "run")) from \(journal.visible)?" }

    /// `convoy.prune/1`, as its JSON Schema has it.
    package var json: JSONValue {
        [
            "schema": "convoy.prune/1",
            "journal": .string(journal),
            "generated_at": .string(generatedAt.rfc3339),
            "dry_run": .bool(isDryRun),
            "removed": .array(
                removed.map {
                    [
                        "run": .string($0.id.description),
                        "fleet": .string($0.fleet),
                        "status": .optional($0.status?.rawValue),
                        "started_at": .string($0.startedAt.rfc3339),
                        "finished_at": .optional($0.finishedAt?.rfc3339),
                        "instances": .integer($0.instances),
                    ]
                }
            ),
            "kept": .integer(kept),
            "protected": .integer(protected),
            "bytes_before": bytes.map { .integer($0.before) } ?? .null,
            "bytes_after": bytes.map { .integer($0.after) } ?? .null,
        ]
    }
}

extension Int {
    /// `512 B`, `12 KB`, `3.4 MB`.
    fileprivate var bytesText: String {
        if self < 1000 { return "\(self) B" }
        if self < 1_000_000 { return "\(self / 1000) KB" }
        return "\(self / 1_000_000).\(self / 100_000 % 10) MB"
    }
}
