import ArgumentParser
import ConvoyFleet
import ConvoyJournal
import ConvoyRollout
import ConvoyRun
import FoundationEssentials

/// `convoy abandon`
struct Abandon: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Give up a run that was cut off, interrupted or halted.",
        discussion: """
            It can't be resumed any more. No database is touched: each stays where it is, and `convoy status` says where. A run that goes on is \
            ended with `convoy stop` first.
            """
    )

    @OptionGroup var journalOptions: JournalOptions
    @Argument(help: "The run's id, or how it begins.")
    var run: String

    func execute() async throws -> CommandExit {
        let access = try JournalAccess(journalOptions)
        let journal = try await access.openExisting(for: .writing)
        let record = try await access.run(run, .resumable, in: journal)
        let lock = try await access.explaining { () async throws(JournalError) in
            try await RunLock.acquire(record.id, journal: access.path)
        }
        defer { lock.release() }
        try await access.checkUnchanged(record, in: journal)
        try await access.explaining { () async throws(JournalError) in
            try await journal.abandon(record.id, by: JournalAccess.person, at: Date())
        }
        var text = "run \(record.id) is abandoned; `convoy status` shows where each instance stands\n"
        let stopped = try await instancesWithoutHook(record, access, journal)
        if !stopped.isEmpty {
            text += "before_instance ran for \(Overtaking.list(stopped)) and after_instance did not: start what it has stopped\n"
        }
        StandardStreams.error.write(text)
        return .success
    }

    /// Instances whose app a hook may have stopped and no hook has started again.
    private func instancesWithoutHook(_ record: RunRecord, _ access: JournalAccess, _ journal: SQLiteJournal) async throws -> [String] {
        var stopped: [String] = []
        try await access.explaining { () async throws(JournalError) in
            for try await recorded in journal.events(of: record.id) {
                guard case .hookFinished(let hook)? = recorded.event?.kind, let instance = hook.instance else { continue }
                if hook.point == .beforeInstance, !stopped.contains(instance) { stopped.append(instance) }
                if hook.point == .afterInstance { stopped.removeAll { $0 == instance } }
            }
        }
        return stopped
    }
}
