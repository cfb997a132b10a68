internal import ConvoyIO
internal import ConvoyMigrations
package import ConvoyRun
import ConvoyText
internal import Dispatch
internal import GRDB
internal import Glibc

/// What is written in a transaction.
typealias SQLiteWrite = @Sendable (Database) throws -> Void

/// A journal in an SQLite file, which one run writes while other processes read it and leave requests in it.
///
///     let journal = try await SQLiteJournal.open(path: ".convoy/journal.sqlite")
///
/// It is in WAL mode with `synchronous=FULL`: what a call has written survives a loss of power. Nothing here blocks the cooperative pool.
package final class SQLiteJournal: RunStore {
    /// The file as the user named it.
    package let path: String
    let pool: DatabasePool
    let queue: CommitQueue<SQLiteWrite>
    private let file: JournalFile
    /// Which file was opened; another one may come to have its name.
    private let identity: FileStatus.Identity?

    /// How long a call waits while another process has the file locked.
    static let busyTimeout = Duration.seconds(10)
    /// Up to this size the whole file is checked when it is opened for writing; a second for each 500 MB or so.
    private static let checkedBytes = 64 << 20

    private init(_ file: JournalFile, pool: DatabasePool) {
        path = file.path
        self.file = file
        identity = file.identity
        self.pool = pool
        queue = CommitQueue { take in
            try await withCheckedContinuation { (continuation: CheckedContinuation<Result<Void, any Error>, Never>) in
                pool.asyncWriteWithoutTransaction { db in
                    let writes = take()
                    continuation.resume(
                        returning: Result {
                            try db.inTransaction(.immediate) {
                                for write in writes { try write(db) }
                                return .commit
                            }
                        }
                    )
                }
            }.get()
        }
    }

    /// Opens a journal for writing, and creates it if it does not exist.
    ///
    /// - Throws: ``JournalError`` if the file cannot be written, is damaged, is not a journal, or was created by a newer program.
    package static func open(path: String) async throws(JournalError) -> SQLiteJournal {
        try await offThePool { () throws(JournalError) in
            let file = try JournalFile.makeIfMissing(path)
            return try failing(path) {
                try checkContents(file)
                return SQLiteJournal(file, pool: try pool(writing: file))
            }
        }
    }

    private static func pool(writing file: JournalFile) throws -> DatabasePool {
        let deadline = ContinuousClock.now + busyTimeout
        while true {
            do {
                let pool = try DatabasePool(path: file.realPath, configuration: configuration())
                // GRDB sets NORMAL together with WAL, which may lose the newest commits with the power.
                try pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
                do {
                    try JournalSchema.migrator.migrate(pool)
                } catch {
                    // Another process may have made the tables at the same moment.
                    guard try pool.read(JournalSchema.migrator.hasCompletedMigrations) else { throw error }
                }
                return pool
            } catch let error as DatabaseError where error.resultCode == .SQLITE_BUSY && .now < deadline {
                // SQLite itself does not wait for another process that turns a new file into one with a write-ahead log.
                usleep(20_000)
            }
        }
    }

    /// Opens an existing journal for reading only; nil if there is no journal at the path.
    ///
    /// - Throws: ``JournalError`` if the file cannot be read, is not a journal, or was created by a newer program.
    package static func open(readingAt path: String) async throws(JournalError) -> SQLiteJournal? {
        try await offThePool { () throws(JournalError) in
            guard let file = try JournalFile.existing(path) else { return nil }
            return try failing(path) {
                guard try checkContents(file) else { return nil }
                return SQLiteJournal(file, pool: try DatabasePool(path: file.realPath, configuration: configuration(readonly: true)))
            }
        }
    }

    package func close() async throws(JournalError) {
        try await Self.offThePool { () throws(JournalError) in try Self.failing(self.path) { try self.pool.close() } }
    }

    /// How many transactions ``append(_:to:)`` took so far.
    package var commits: Int { queue.commits }

    private static func configuration(readonly: Bool = false) -> Configuration {
        var configuration = Configuration()
        configuration.label = "convoy.journal"
        configuration.readonly = readonly
        configuration.busyMode = .timeout(busyTimeout.seconds)
        configuration.maximumReaderCount = 2
        return configuration
    }

    /// Checks the contents of the file before anything is written to it.
    ///
    /// - Returns: false for a file that is empty, as it is for a moment when another process makes it.
    @discardableResult
    private static func checkContents(_ file: JournalFile) throws -> Bool {
        let size = file.size
        let database = try DatabaseQueue(path: file.realPath, configuration: configuration(readonly: true))
        defer { try? database.close() }
        return try database.read { db in
            let pages = try Int.fetchOne(db, sql: "PRAGMA page_count") ?? 0
            guard pages > 0 else {
                // SQLite takes less than a page for nothing, and would write over it.
                guard size == 0 else { throw JournalError.foreign(file.path) }
                return false
            }
            guard try Int32.fetchOne(db, sql: "PRAGMA application_id") == JournalSchema.applicationID else {
                // Nothing is in it yet: another process is just making it.
                if try db.isEmpty { return false }
                throw JournalError.foreign(file.path)
            }
            guard try !JournalSchema.migrator.hasBeenSuperseded(db) else {
                throw JournalError(
                    path: file.path,
                    message: "a newer Convoy created it, and this one cannot read it",
                    hint: "use the newer Convoy, or set another journal"
                )
            }
            let pageSize = try Int.fetchOne(db, sql: "PRAGMA page_size") ?? 0
            if pages * pageSize <= checkedBytes, let problem = try String.fetchOne(db, sql: "PRAGMA quick_check(1)"), problem != "ok" {
                throw JournalError.damaged(file.path, problem)
            }
            return true
        }
    }

    package func lock(_ run: RunID) async throws(JournalError) -> any RunLock { try await FileLock.acquire(run, journal: path) }

    package func lockStart(of fleet: String) async throws(JournalError) -> any RunLock {
        do throws(JournalError) {
            // One for all fleets: a process that makes the journal smaller holds it too.
            return try await FileLock.acquire(Self.starting, journal: path)
        } catch {
            guard error.reason == .held else { throw error }
            let holder = (try? FileLock.holder(of: Self.starting, journal: path, withTime: true)) ?? "another process"
            throw .starting(path, holder, or: "is making the journal smaller with `convoy runs prune`")
        }
    }

    /// The name of the lock of ``lockStart(of:)``.
    private static let starting = RunID("starting")

    package var startPatience: Duration { .seconds(5) }

    package func holder(of run: RunID) async throws(JournalError) -> String? { try FileLock.holder(of: run, journal: path) }

    // MARK: Off the cooperative pool

    /// Runs what blocks on a thread that may.
    private static func offThePool<Value: Sendable>(
        _ body: @escaping @Sendable () throws(JournalError) -> Value
    ) async throws(JournalError) -> Value {
        try await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(returning: Result { () throws(JournalError) in try body() })
            }
        }.get()
    }

    private static func failing<Value>(_ path: String, _ body: () throws -> Value) throws(JournalError) -> Value {
        do {
            return try body()
        } catch {
            throw JournalError(path: path, error)
        }
    }

    /// Sees to it that the file is still where it was opened: SQLite keeps using one that was removed, and what it writes there is lost.
    private func checkPlace() throws(JournalError) {
        guard file.identity == identity else { throw JournalError.removed(path) }
    }

    /// Reads in a snapshot, on a queue of GRDB's.
    func read<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws(JournalError) -> Value {
        try checkPlace()
        // Not GRDB's own async functions: they end early when the task is cancelled, and a run that is cancelled still has things to note.
        let result: Result<Value, any Error> = await withCheckedContinuation { continuation in
            pool.asyncRead { db in continuation.resume(returning: Result { try body(try db.get()) }) }
        }
        return try Self.failing(path) { try result.get() }
    }

    /// Writes together with others, and returns when that is on disk.
    func write(_ body: @escaping SQLiteWrite) async throws(JournalError) {
        try checkPlace()
        do {
            try await queue.commit(body)
        } catch {
            throw JournalError(path: path, error)
        }
    }
}

extension Database {
    /// Whether there are no tables except those that GRDB and SQLite create for themselves.
    fileprivate var isEmpty: Bool {
        get throws {
            try String.fetchAll(self, sql: "SELECT name FROM sqlite_master").allSatisfy { $0.hasPrefix("grdb_") || $0.hasPrefix("sqlite_") }
        }
    }
}
