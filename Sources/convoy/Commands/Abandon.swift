import ArgumentParser
import ConvoyFleet
import ConvoyJournal
import ConvoyKit
import ConvoyRollout
import ConvoyRun
import FoundationEssentials

/// `convoy abandon`
struct Abandon: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Abandon an interrupted or halted run.",
        discussion: """
            The run can no longer be resumed. No database is changed; `convoy status`
            shows the version of each instance. End an active run with `convoy stop`
            first.
            """
    )

    @OptionGroup var journalOptions: JournalOptions
    @Argument(help: "Run id or unique prefix.", completion: .run)
    var run: String

    func execute() async throws -> CommandExit {
        let access = try RunCatalog(journalOptions)
        let journal = try await access.openExisting(for: .writing)
        let record = try await access.run(run, .resumable, in: journal)
        let lock = try await access.explaining { () async throws(JournalError) in
            try await journal.lock(record.id)
        }
        try await lock.released { () async throws(FleetError) in
            try await access.checkUnchanged(record, in: journal)
            try await access.explaining { () async throws(JournalError) in
                try await journal.abandon(record.id, by: Operator.current, at: Date())
            }
        }
        var text = "run \(record.id) is abandoned; `convoy status` shows the version of each instance\n"
        let stopped = try await instancesWithoutHook(record, access, journal)
        if !stopped.isEmpty {
            text += "before_instance ran for \(Overtaking.list(stopped)) and after_instance did not: "
            text += "restart by hand anything that before_instance stopped\n"
        }
        StandardStreams.error.write(text)
        return .success
    }

    /// Instances whose app a hook may have stopped and no hook has restarted.
    private func instancesWithoutHook(_ record: RunRecord, _ access: RunCatalog, _ journal: any RunStore) async throws -> [String] {
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
