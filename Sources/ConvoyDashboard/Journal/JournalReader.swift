import ConvoyFleet
import ConvoyIO
import ConvoyJournal
import ConvoyKit
internal import ConvoyRollout
import ConvoyRun

/// The journal as the dashboard reads it: opened when it is there, and opened anew when another file has taken its place.
actor JournalReader {
    nonisolated let place: JournalPlace
    private var opened: (journal: any RunStore, identity: FileStatus.Identity?)?

    init(_ place: JournalPlace) {
        self.place = place
    }

    /// Nil if no run was ever recorded.
    ///
    /// - Throws: ``JournalError`` if there is a journal that cannot be read.
    func journal() async throws(JournalError) -> (any RunStore)? {
        var identity: FileStatus.Identity?
        if case .file(let path) = place {
            identity = FileStatus(of: path)?.identity
            guard identity != nil else {
                opened = nil
                return nil
            }
        }
        if let opened, opened.identity == identity { return opened.journal }
        let journal = try await place.openForReading()
        // Another task may have come first while it was opened.
        if let opened, opened.identity == identity { return opened.journal }
        opened = journal.map { ($0, identity) }
        return journal
    }

    /// Reads something of it, to see whether that works.
    func check() async throws(JournalError) {
        _ = try await journal()?.runs(limit: 1)
    }
}
