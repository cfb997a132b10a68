import ConvoyIO
import ConvoyJournal
internal import ConvoyRollout
import ConvoyRun

/// The journal as the dashboard reads it: opened when it is there, and opened anew when another file has taken its place.
actor JournalReader {
    nonisolated let path: String
    private var opened: (journal: SQLiteJournal, identity: FileStatus.Identity)?

    init(path: String) {
        self.path = path
    }

    /// Nil if no run was ever recorded.
    ///
    /// - Throws: ``JournalError`` if there is a file that cannot be read.
    func journal() async throws(JournalError) -> SQLiteJournal? {
        guard let identity = FileStatus(of: path)?.identity else {
            opened = nil
            return nil
        }
        if let opened, opened.identity == identity { return opened.journal }
        let journal = try await SQLiteJournal.open(readingAt: path)
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
