import ArgumentParser
import ConvoyRollout
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

    func execute() async throws -> ConvoyRollout.ExitCode {
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
        StandardStreams.error.write(
            """
            run \(record.id) is abandoned; `convoy status` shows where each instance stands
            what its before_instance hooks have stopped and no hook has started again is for you to start

            """
        )
        return .success
    }
}
