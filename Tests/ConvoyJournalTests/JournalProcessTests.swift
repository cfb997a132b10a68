import Dispatch
import FoundationEssentials
import Glibc
import TestSupport
import Testing

@testable import ConvoyJournal
@testable import ConvoyRollout
@testable import ConvoyRun

/// What other processes see of a journal and of a run's lock, also when one is killed.
@Suite(.timeLimit(.minutes(3)))
struct JournalProcessTests {
    private static let run = JournalSamples.run

    @Test(arguments: [3, 11, 23, 47, 71, 103])
    func aWriterThatIsKilledLeavesWholeCallsAndEverythingItWasPromised(_ milliseconds: Int) async throws {
        try await withTemporaryFolder { folder in
            async let readings = Self.readWhileWritten("\(folder)/journal.sqlite")
            await #expect(processExitsWith: .signal(SIGKILL)) { [folder = folder as String, milliseconds = milliseconds as Int] in
                try await Self.writeUntilKilled(in: folder, after: milliseconds)
            }
            // What readers saw of another process was always a beginning of what is there now.
            let journal = try #require(try await SQLiteJournal.open(readingAt: "\(folder)/journal.sqlite"))
            let numbers = try await journal.numbers()
            for reading in try await readings { #expect(numbers.starts(with: reading)) }

            for task in 0..<Self.writers {
                let own = numbers.filter { $0 / 1_000_000 == task }.map { $0 % 1_000_000 }
                #expect(own == Array(0..<own.count), "in order and without a gap")
                #expect(own.count % 3 == 0, "no call is there in part")
                let promised = try String(contentsOfFile: "\(folder)/promised-\(task)", encoding: .utf8).split(separator: "\n").count
                #expect(own.count / 3 >= promised)
            }
            // And the next one goes on with it.
            let next = try await SQLiteJournal.open(path: "\(folder)/journal.sqlite")
            try await next.append([Event(at: moment(), .runResumed(by: "ann@host"))], to: Self.run.id)
        }
    }

    private static let writers = 4

    /// Several tasks write calls of three events; each notes a call only after it has returned.
    private static func writeUntilKilled(in folder: String, after milliseconds: Int) async throws {
        let journal = try await SQLiteJournal.open(path: "\(folder)/journal.sqlite")
        try await journal.begin(run, plan: Data())
        let notes = (0..<writers).map { open("\(folder)/promised-\($0)", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600) }
        DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(milliseconds)) { kill(getpid(), SIGKILL) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<writers {
                group.addTask {
                    for call in 0... {
                        let first = task * 1_000_000 + call * 3
                        try await journal.append((first..<first + 3).map(JournalSamples.numbered), to: run.id)
                        write(notes[task], "\n", 1)
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    /// Reads again and again until the writer is gone.
    private static func readWhileWritten(_ path: String) async throws -> [[Int]] {
        var readings: [[Int]] = []
        var opened: SQLiteJournal?
        try await eventually("the journal is made", within: .seconds(60)) {
            opened = try await SQLiteJournal.open(readingAt: path)
            return opened != nil
        }
        let journal = try #require(opened)
        while readings.count < 2 || readings.last != readings.dropLast().last { readings.append(try await journal.numbers()) }
        return readings
    }

    // MARK: Lock

    @Test func theLockOfAKilledProcessIsFree() async throws {
        try await withTemporaryFolder { folder in
            let path = "\(folder)/journal.sqlite"
            _ = try await SQLiteJournal.open(path: path)
            #expect(try FileLock.holder(of: Self.run.id, journal: path) == nil)
            async let end = #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
                let lock = try await FileLock.acquire(Self.run.id, journal: path)
                // What it starts must not keep the lock.
                let child = try ChildProcess("/bin/sleep", ["60"], environment: [:], timeLimit: .seconds(60))
                try writeFile("\(path).child", "\(child.processID)")
                await child.wait()
                lock.release()
            }
            try await eventually("the other process has it", within: .seconds(60)) {
                FileManager.default.fileExists(atPath: "\(path).child")
            }
            let holder = try #require(try FileLock.holder(of: Self.run.id, journal: path))
            #expect(holder.hasPrefix("pid "))
            await #expect {
                _ = try await FileLock.acquire(Self.run.id, journal: path)
            } throws: {
                "\($0)".contains("run \(Self.run.id) is still running (\(holder))")
            }
            #expect(try FileLock.holder(of: RunID("other"), journal: path) == nil)

            let processID = try #require(holder.split(separator: " ").dropFirst().first.flatMap { Int32($0) })
            kill(processID, SIGKILL)
            try await eventually("the lock is free, although a child of that process still runs") {
                try FileLock.holder(of: Self.run.id, journal: path) == nil
            }
            let lock = try await FileLock.acquire(Self.run.id, journal: path)
            lock.release()
            let child = try #require(Int32(try String(contentsOfFile: "\(path).child", encoding: .utf8)))
            #expect(kill(child, 0) == 0)
            kill(child, SIGKILL)
            _ = await end
        }
    }

    @Test func aLockLeavesNothingBehind() async throws {
        try await withTemporaryFolder { folder in
            let path = "\(folder)/journal.sqlite"
            let journal = try await SQLiteJournal.open(path: path)
            let lock = try await FileLock.acquire(Self.run.id, journal: path)
            await #expect(throws: JournalError.self) { _ = try await FileLock.acquire(Self.run.id, journal: path) }
            #expect(try FileLock.holder(of: Self.run.id, journal: "\(folder)/../\(folder.dropFirst(5))/journal.sqlite") != nil)
            lock.release()
            lock.release()
            try await journal.close()
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["journal.sqlite"])
        }
    }

    @Test func onlyOneOfManyGetsTheLock() async throws {
        try await withTemporaryFolder { folder in
            let path = "\(folder)/journal.sqlite"
            _ = try await SQLiteJournal.open(path: path)
            for _ in 0..<20 {
                let locks = await withTaskGroup(of: FileLock?.self) { group in
                    for _ in 0..<8 { group.addTask { try? await FileLock.acquire(Self.run.id, journal: path) } }
                    return await group.reduce(into: []) { $0.append($1) }
                }
                #expect(locks.compactMap(\.self).count == 1)
                for lock in locks { lock?.release() }
            }
        }
    }
}
