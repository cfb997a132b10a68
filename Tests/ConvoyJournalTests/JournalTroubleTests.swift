import Foundation
import GRDB
import Glibc
import TestSupport
import Testing

@testable import ConvoyJournal
@testable import ConvoyRollout
@testable import ConvoyRun

/// A journal that cannot be used says why, before anything is written to what is there.
@Suite(.timeLimit(.minutes(2)))
struct JournalTroubleTests {
    private let run = JournalSamples.run

    /// What opening it for writing, and for reading, fails with; nil for what works.
    private func problems(opening path: String) async -> (writing: JournalError?, reading: JournalError?) {
        var problems: (writing: JournalError?, reading: JournalError?)
        do throws(JournalError) { _ = try await SQLiteJournal.open(readingAt: path) } catch { problems.reading = error }
        do throws(JournalError) { _ = try await SQLiteJournal.open(path: path) } catch { problems.writing = error }
        return problems
    }

    /// Makes a journal with so many events and closes it.
    private func makeJournal(at path: String, events: Int = 2000) async throws {
        let journal = try await SQLiteJournal.open(path: path)
        try await journal.begin(run, plan: Data())
        try await journal.append((0..<events).map(JournalSamples.numbered), to: run.id)
        try await journal.close()
    }

    @Test func whereThereIsNoneReadingMakesNone() async throws {
        try await withTemporaryFolder { folder in
            for path in ["\(folder)/.convoy/journal.sqlite", "\(folder)/journal.sqlite"] {
                let opened = try await SQLiteJournal.open(readingAt: path)
                #expect(opened == nil)
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [])
        }
    }

    @Test func anEmptyFileBecomesAJournal() async throws {
        try await withTemporaryFolder(files: ["journal.sqlite": ""]) { folder in
            #expect(try await SQLiteJournal.open(readingAt: "\(folder)/journal.sqlite") == nil)
            try await makeJournal(at: "\(folder)/journal.sqlite", events: 1)
            #expect(try await SQLiteJournal.open(readingAt: "\(folder)/journal.sqlite")?.numbers() == [0])
        }
    }

    @Test(arguments: [
        ("a text, and not a short one: " + String(repeating: "x", count: 5000), "not a journal"), ("x", "not a journal"),
    ])
    func anotherKindOfFileIsToldAndLeftAlone(_ text: String, _ expected: String) async throws {
        try await withTemporaryFolder(files: ["journal.sqlite": text]) { folder in
            let problems = await problems(opening: "\(folder)/journal.sqlite")
            #expect(problems.writing?.message.contains(expected) == true)
            #expect(problems.reading?.message.contains(expected) == true)
            let left = try String(contentsOfFile: "\(folder)/journal.sqlite", encoding: .utf8)
            #expect(left == text)
        }
    }

    @Test func anotherProgramsDatabaseIsLeftAlone() async throws {
        try await withTemporaryFolder { folder in
            let path = "\(folder)/journal.sqlite"
            let other = try DatabaseQueue(path: path)
            try await other.write { try $0.execute(sql: "CREATE TABLE bookmarks (url TEXT)") }
            try other.close()
            let before = try Data(contentsOf: URL(fileURLWithPath: path))
            let problems = await problems(opening: path)
            #expect(problems.writing?.message.contains("not a journal") == true)
            #expect(problems.reading?.message.contains("not a journal") == true)
            #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == before)
        }
    }

    @Test func aJournalOfANewerProgramIsRefused() async throws {
        try await withTemporaryFolder { folder in
            let path = "\(folder)/journal.sqlite"
            try await makeJournal(at: path, events: 1)
            let other = try DatabaseQueue(path: path)
            try await other.write { try $0.execute(sql: "INSERT INTO grdb_migrations VALUES ('2')") }
            try other.close()
            let problems = await problems(opening: path)
            #expect(problems.writing?.message.contains("newer Convoy") == true)
            #expect(problems.reading?.message.contains("newer Convoy") == true)
        }
    }

    /// SQLite would write on into a file that no name leads to.
    @Test func aFileThatIsMovedAwayOrReplacedIsNoLongerUsed() async throws {
        try await withTemporaryFolder { folder in
            let (path, away) = ("\(folder)/journal.sqlite", "\(folder)/away.sqlite")
            let journal = try await SQLiteJournal.open(path: path)
            try await journal.begin(run, plan: Data())
            let reader = try #require(try await SQLiteJournal.open(readingAt: path))
            func expectRefusal() async {
                for body in [{ try await journal.append([JournalSamples.numbered(0)], to: run.id) }, { _ = try await reader.numbers() }]
                    as [() async throws -> Void]
                {
                    do {
                        try await body()
                        Issue.record("it was used")
                    } catch {
                        let problem = error as? JournalError
                        #expect(problem?.message == "the file was removed or replaced while it was in use")
                        #expect(problem?.hint != nil)
                    }
                }
            }
            try FileManager.default.moveItem(atPath: path, toPath: away)
            await expectRefusal()
            try Data().write(to: URL(fileURLWithPath: path))
            await expectRefusal()
            try FileManager.default.removeItem(atPath: path)
            try FileManager.default.moveItem(atPath: away, toPath: path)
            try await journal.append([JournalSamples.numbered(1)], to: run.id)
            #expect(try await reader.numbers() == [1])
        }
    }

    /// Where the damage begins and how long it is, in 4096ths of the file's pages; a length of nil cuts the file off.
    @Test(arguments: [(0.5, nil), (0.9, nil), (0.02, 4096), (0.3, 8192), (0.7, 2048), (0.0, 100)] as [(Double, Int?)])
    func aDamagedJournalIsToldBeforeARunBegins(_ place: Double, _ length: Int?) async throws {
        try await withTemporaryFolder { folder in
            let path = "\(folder)/journal.sqlite"
            try await makeJournal(at: path)
            var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
            let start = Int(Double(bytes.count) * place) / 4096 * 4096
            if let length {
                bytes.replaceSubrange(start..<start + length, with: Data(repeating: 0x5A, count: length))
            } else {
                bytes = bytes.prefix(start)
            }
            try bytes.write(to: URL(fileURLWithPath: path))
            let problem = try #require(await problems(opening: path).writing)
            #expect(problem.message.contains("damaged") || problem.message.contains("not a journal"))
            #expect(problem.hint != nil)
            #expect(problem.path == path)
        }
    }

    @Test func whatIsNoFileIsRefusedByName() async throws {
        try await withTemporaryFolder(files: ["file": "", "folder/in": ""]) { folder in
            #expect(mkfifo("\(folder)/pipe", 0o600) == 0)
            try FileManager.default.createSymbolicLink(atPath: "\(folder)/link", withDestinationPath: "\(folder)/elsewhere")
            try FileManager.default.createSymbolicLink(atPath: "\(folder)/linked-folder", withDestinationPath: "\(folder)/folder")
            for (name, expected) in [
                ("folder", "is a folder"), ("pipe", "not a regular file"), ("link", "symbolic link"),
                ("file/journal.sqlite", "Not a directory"),
            ] {
                let problems = await problems(opening: "\(folder)/\(name)")
                #expect(problems.writing?.message.contains(expected) == true, "\(name)")
                #expect(problems.reading?.message.contains(expected) == true, "\(name)")
            }
            #expect(!FileManager.default.fileExists(atPath: "\(folder)/elsewhere"))
            // A folder may be a link: people move their data to another disk.
            try await makeJournal(at: "\(folder)/linked-folder/journal.sqlite", events: 1)
            #expect(FileManager.default.fileExists(atPath: "\(folder)/folder/journal.sqlite"))
        }
    }

    @Test func aURLIsRefusedWithoutItsPassword() async throws {
        let problem = try #require(await problems(opening: "postgres://convoy:hunter2@control/journal").writing)
        #expect(problem.message.contains("this is a URL"))
        #expect(!"\(problem)\(problem.hint ?? "")".contains("hunter2"))
    }

    @Test func aFileThatAnotherProcessKeepsLockedIsToldInWords() throws {
        let error = JournalError(path: "j", DatabaseError(resultCode: .SQLITE_BUSY))
        #expect(error.message.contains("another process has locked it for more than 10"))
    }

    // MARK: Disks

    /// A small disk of its own.
    private func withDisk(_ size: String, _ body: (_ folder: String) async throws -> Void) async throws {
        try await withTemporaryFolder(files: ["disk/.keep": ""]) { folder in
            let disk = "\(folder)/disk"
            try await mount(["-t", "tmpfs", "-o", "size=\(size)", "convoy-test", disk])
            let outcome: Result<Void, any Error>
            do {
                outcome = .success(try await body(disk))
            } catch {
                outcome = .failure(error)
            }
            _ = try await ChildProcess("/bin/umount", ["-l", disk], environment: [:]).wait()
            try outcome.get()
        }
    }

    private func mount(_ arguments: [String]) async throws {
        let end = try await ChildProcess("/bin/mount", arguments, environment: [:]).wait()
        guard end.status == .exited(0) else { throw TestSupportError("cannot mount a disk: \(end.standardError)") }
    }

    @Test func aFullDiskStopsTheRunAndHarmsNothing() async throws {
        try await withDisk("2m") { disk in
            let path = "\(disk)/.convoy/journal.sqlite"
            let journal = try await SQLiteJournal.open(path: path)
            try await journal.begin(run, plan: Data())
            try fill("\(disk)/filler", bytes: 1 << 20)
            var written: [Int] = []
            var problem: JournalError?
            for first in stride(from: 0, to: 100_000, by: 100) where problem == nil {
                do throws(JournalError) {
                    try await journal.append((first..<first + 100).map(JournalSamples.numbered), to: run.id)
                    written += first..<first + 100
                } catch {
                    problem = error
                }
            }
            #expect(problem?.message.contains("the disk is full") == true)
            #expect(!written.isEmpty)
            #expect(try await journal.numbers() == written)
            // Still full, and still only that.
            await #expect(throws: JournalError.self) {
                try await journal.append((0..<5000).map(JournalSamples.numbered), to: run.id)
            }

            try FileManager.default.removeItem(atPath: "\(disk)/filler")
            try await journal.append([JournalSamples.numbered(-1)], to: run.id)
            #expect(try await journal.numbers() == written + [-1])
            try await journal.close()
            #expect(await problems(opening: path).writing == nil)
            #expect(try await SQLiteJournal.open(readingAt: path)?.numbers() == written + [-1])
        }
    }

    @Test func aDiskThatIsFullAlreadyIsToldWhenItIsOpened() async throws {
        try await withDisk("1m") { disk in
            try fill("\(disk)/filler", bytes: 2 << 20)
            #expect(await problems(opening: "\(disk)/journal.sqlite").writing?.message.contains("the disk is full") == true)
        }
    }

    @Test func aReadOnlyDiskCanBeReadOrSaysWhyNot() async throws {
        try await withDisk("4m") { disk in
            let path = "\(disk)/journal.sqlite"
            try await makeJournal(at: path)
            try await mount(["-o", "remount,ro", disk])
            let problems = await problems(opening: path)
            #expect(problems.writing?.message.contains("read-only") == true)
            // Without files beside it that SQLite could read along, and without the right to make them.
            #expect(problems.reading?.message.contains("cannot be opened") == true)
            #expect(await self.problems(opening: "\(disk)/.convoy/new.sqlite").writing?.message.contains("read-only") == true)
        }
    }

    @Test func aTransactionThatDoesNotFitIsNotWrittenInPart() async throws {
        try await withTemporaryFolder { folder in
            let journal = try await SQLiteJournal.open(path: "\(folder)/journal.sqlite")
            try await journal.begin(run, plan: Data())
            try await journal.append([JournalSamples.numbered(0)], to: run.id)
            try await journal.pool.writeWithoutTransaction { db in
                let pages = try Int.fetchOne(db, sql: "PRAGMA page_count") ?? 0
                try db.execute(sql: "PRAGMA max_page_count = \(pages + 2)")
            }
            await #expect { try await journal.append((1...1000).map(JournalSamples.numbered), to: run.id) } throws: {
                ($0 as? JournalError)?.message == "the disk is full"
            }
            #expect(try await journal.numbers() == [0])
            try await journal.pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA max_page_count = 1000000") }
            try await journal.append((1...1000).map(JournalSamples.numbered), to: run.id)
            #expect(try await journal.numbers() == Array(0...1000))
        }
    }

    /// Writes as much as fits.
    private func fill(_ path: String, bytes: Int) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw TestSupportError("cannot make \(path)") }
        defer { close(descriptor) }
        let block = [UInt8](repeating: 0, count: 4096)
        for _ in 0..<bytes / block.count where write(descriptor, block, block.count) < block.count { return }
    }
}
