import ConvoyKit
import ConvoyPostgres
import Foundation
import TestSupport
import Testing

@testable import ConvoyJournal
@testable import ConvoyRun

/// What a control database does that a file does not: it is lost and comes back, and its locks are leases.
@Suite(.timeLimit(.minutes(3)))
struct ControlJournalTests {
    private let run = JournalSamples.run

    // MARK: Leases

    /// A process that was paused for too long: another one has the run, and this one writes nothing more.
    @Test(arguments: PostgresServer.Release.tested)
    func whoLostTheLeaseIsRefused(_ release: PostgresServer.Release) async throws {
        try await withControlJournal(on: release) { journal, database in
            let lock = try await journal.lock(run.id)
            #expect(await append(0..<2, to: journal) == nil)
            let other = ControlJournal(ControlDatabase(database.owner))
            var taken: (any RunLock)?
            try await eventually("the lease is over") {
                try await database.execute(["UPDATE convoy_control.locks SET expires_at = clock_timestamp() - interval '2 hours'"])
                taken = try? await other.lock(run.id)
                return taken != nil
            }
            #expect(await append(2..<3, to: other) == nil)
            let refusal = await append(3..<4, to: journal)
            #expect(refusal?.message.hasPrefix("run \(run.id) was taken over by pid ") == true)
            #expect(refusal?.hint?.contains("writes nothing more") == true)
            // Letting go of what was lost does not take it from the other.
            await lock.release()
            #expect(try await journal.holder(of: run.id) != nil)
            #expect(await append(4..<5, to: journal)?.message.contains("is still running") == true)
            #expect(await append(5..<6, to: other) == nil)
            await taken?.release()
            #expect(try await journal.numbers() == [0, 1, 2, 5])
        }
    }

    @Test func aLeaseIsRenewedWhileItIsHeld() async throws {
        try await withControlJournal(configuring: { $0.lease = .milliseconds(600) }) { journal, database in
            let lock = try await journal.lock(run.id)
            let first = try await database.query("SELECT expires_at::text AS at FROM convoy_control.locks").rows.first?.text("at")
            try await eventually("it was renewed past its first end") {
                try await database.query(
                    "SELECT expires_at > $1::timestamptz + interval '1 second' AS is_past FROM convoy_control.locks",
                    [first]
                ).rows.first?.bool("is_past") == true
            }
            #expect(try await journal.holder(of: run.id) != nil)
            await lock.release()
            #expect(try await database.query("SELECT FROM convoy_control.locks").rows.isEmpty)
        }
    }

    // MARK: Lost connections

    /// Whatever is lost on the way, each event is there once, in order.
    @Test(arguments: 0..<6 as Range<UInt64>)
    func whatIsLostOnTheWayIsWrittenOnce(_ seed: UInt64) async throws {
        try await withProxiedJournal { journal, proxy, database in
            let reader = ControlJournal(ControlDatabase(database.owner))
            let lock = try await journal.lock(run.id)
            var generator = SeededGenerator(seed: seed)
            for first in stride(from: 0, to: 200, by: 2) {
                if first % 10 == 0 {
                    // In the middle of what is sent, or before any of the answer has come, or after a part of it.
                    let direction: FaultProxy.Direction = Bool.random(using: &generator) ? .toServer : .toClient
                    proxy.cut(after: Int.random(in: 1...(direction == .toServer ? 3000 : 300), using: &generator), direction)
                }
                #expect(await append(first..<first + 2, to: journal) == nil)
                if first % 20 == 0 { try await journal.post(.stop, to: run.id, by: "bob@host", at: moment()) }
            }
            await lock.release()
            #expect(try await reader.numbers() == Array(0..<200))
            #expect(try await reader.requests(of: run.id, after: 0).count == 10)
            #expect(try await reader.events(of: run.id, after: 0, limit: 1000).map(\.number) == Array(1...200))
        }
    }

    /// The end of a COMMIT stays unknown for as long as the database is away; later the same events are given again, and more.
    @Test func eventsThatAreGivenAgainAfterAnUnknownEndAreWrittenOnce() async throws {
        try await withProxiedJournal({ $0.patience = .milliseconds(100) }) { journal, proxy, _ in
            let lock = try await journal.lock(run.id)
            #expect(await append(0..<2, to: journal) == nil)
            proxy.set(mode: .refuse)
            proxy.cut(after: 1, .toClient)
            let unknown = await append(2..<4, to: journal)
            #expect(unknown != nil)
            proxy.set(mode: .forward)
            // Each attempt gives all of them again.
            try await eventually("the database is back") { await append(2..<7, to: journal) == nil }
            #expect(try await journal.numbers() == Array(0..<7))
            await lock.release()
        }
    }

    @Test func aServerThatCrashesInTheMiddleIsWaitedFor() async throws {
        let server = try await PostgresServer.start()
        try await server.withDatabase { database in
            let control = ControlDatabase(database.owner)
            try await control.prepare()
            let journal = ControlJournal(control)
            try await journal.begin(run, plan: Data())
            let lock = try await journal.lock(run.id)
            let written = Shared(0)
            async let writing: Void = {
                for number in 0..<400 {
                    try await journal.append([JournalSamples.numbered(number)], to: run.id)
                    written.change { $0 = number }
                }
            }()
            for count in [20, 120] {
                try await eventually("some are written", within: .seconds(60)) { written.value >= count }
                try await server.stop(.immediate)
                try await server.start()
            }
            try await writing
            #expect(try await journal.numbers() == Array(0..<400))
            await lock.release()
        }
    }

    @Test func aBackendThatIsTerminatedIsReplaced() async throws {
        try await withControlJournal { journal, database in
            let lock = try await journal.lock(run.id)
            for number in 0..<20 {
                #expect(await append(number..<number + 1, to: journal) == nil)
                try await database.server.execute(
                    """
                    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE datname = '\(database.name)' AND application_name = 'convoy control'
                    """
                )
            }
            #expect(try await journal.numbers() == Array(0..<20))
            await lock.release()
        }
    }

    // MARK: Round trips

    @Test func anAppendIsOneRoundTripAndCallsShareIt() async throws {
        try await withProxiedJournal { journal, proxy, database in
            let lock = try await journal.lock(run.id)
            #expect(await append(0..<1, to: journal) == nil)
            let before = proxy.counts.roundTrips
            for number in 1..<51 { #expect(await append(number..<number + 1, to: journal) == nil) }
            // The lease may be renewed meanwhile.
            #expect(proxy.counts.roundTrips - before <= 55)

            proxy.set(delay: .milliseconds(20))
            func turn() async throws -> Int64 {
                try await database.query("SELECT turn FROM convoy_control.runs").onlyRow().int64("turn")
            }
            let turns = try await turn()
            await withTaskGroup(of: Void.self) { group in
                for number in 51..<251 {
                    group.addTask { [run] in try? await journal.append([JournalSamples.numbered(number)], to: run.id) }
                }
            }
            #expect(try await turn() - turns <= 20)
            #expect(try await Set(journal.numbers()) == Set(0..<251))
            await lock.release()
        }
    }

    /// What the server has to parse and plan costs more than the write itself.
    @Test func anAppendIsOneCallInATransaction() async throws {
        let server = try await PostgresServer.start(settings: ["log_statement": "all"])
        try await server.withDatabase { database in
            var timing = ControlDatabase.Timing()
            // No renewal comes in between.
            timing.lease = .seconds(600)
            let control = ControlDatabase(database.owner, timing: timing)
            try await control.prepare()
            let journal = ControlJournal(control)
            try await journal.begin(run, plan: Data())
            let lock = try await journal.lock(run.id)
            #expect(await append(0..<1, to: journal) == nil)
            /// The first line of each.
            func statements() throws -> [String] {
                let log = try String(contentsOfFile: "\(server.socketFolder)/log", encoding: .utf8)
                return log.split(separator: "\n").compactMap { line in
                    line.firstRange(of: "execute <unnamed>: ").map { String(line[$0.upperBound...]) }
                }
            }
            let before = try statements().count { $0.contains("SELECT convoy_control.append_events") }
            for number in 1..<11 { #expect(await append(number..<number + 1, to: journal) == nil) }
            let all = try statements()
            let last = all.indices.filter { all[$0].contains("SELECT convoy_control.append_events") }.dropFirst(before)
            #expect(last.count == 10)
            for index in last {
                #expect(all[index - 2].hasPrefix("BEGIN"), "\(all[index - 2])")
                #expect(all[index - 1].hasPrefix("SET LOCAL statement_timeout = 30000"), "\(all[index - 1])")
                #expect(all[index + 1].hasPrefix("COMMIT"), "\(all[index + 1])")
            }
            await lock.release()
        }
    }

    // MARK: A database that refuses

    @Test(arguments: PostgresServer.Release.tested)
    func rightsThatAreRevokedAreNamedAndNothingIsWrittenInPart(_ release: PostgresServer.Release) async throws {
        try await withControlJournal(on: release) { journal, database in
            #expect(await append(0..<2, to: journal) == nil)
            try await database.execute(["REVOKE INSERT ON convoy_control.events FROM teslamate"])
            let refusal = await append(2..<4, to: journal)
            #expect(refusal?.message.contains("permission denied") == true)
            #expect(refusal?.hint?.contains("docs/control-database.md") == true)
            #expect(try await journal.lastEvent(of: run.id) == 2)
            try await database.execute(["GRANT INSERT ON convoy_control.events TO teslamate"])
            #expect(await append(2..<4, to: journal) == nil)
            #expect(try await journal.numbers() == Array(0..<4))
        }
    }

    @Test func aDatabaseThatBecomesReadOnlySaysSoAndCanBeRead() async throws {
        try await withControlJournal { journal, database in
            #expect(await append(0..<2, to: journal) == nil)
            try await database.execute(["ALTER DATABASE \"\(database.name)\" SET default_transaction_read_only = on"])
            let other = ControlJournal(ControlDatabase(database.owner))
            #expect(await append(2..<4, to: other)?.message.contains("is read-only") == true)
            #expect(
                await problem { () async throws(JournalError) in _ = try await other.lock(run.id) }?.message.contains("read-only") == true
            )
            #expect(try await other.numbers() == [0, 1])
        }
    }

    /// The server's own word for a full disk, from a trigger.
    @Test func aFullDiskIsNamedAndHarmsNothing() async throws {
        try await withControlJournal { journal, database in
            #expect(await append(0..<2, to: journal) == nil)
            try await database.execute([
                """
                CREATE FUNCTION public.trouble() RETURNS trigger LANGUAGE plpgsql AS
                $$BEGIN RAISE 'could not extend file' USING ERRCODE = 'disk_full'; END$$
                """,
                "CREATE TRIGGER trouble BEFORE INSERT ON convoy_control.events FOR EACH ROW WHEN (NEW.number > 3) EXECUTE FUNCTION public.trouble()",
            ])
            let refusal = await append(2..<4, to: journal)
            #expect(refusal?.message == "the disk is full")
            #expect(try await journal.lastEvent(of: run.id) == 2)
            try await database.execute(["DROP TRIGGER trouble ON convoy_control.events"])
            #expect(await append(2..<4, to: journal) == nil)
            #expect(try await journal.numbers() == Array(0..<4))
        }
    }

    @Test func damagedRowsCostOnlyThemselves() async throws {
        try await withControlJournal { journal, database in
            #expect(await append(0..<3, to: journal) == nil)
            try await journal.begin(JournalSamples.run("r-2"), plan: Data())
            try await database.execute([
                "UPDATE convoy_control.events SET json = '{' WHERE number = 2",
                "UPDATE convoy_control.runs SET direction = 'sideways' WHERE id = 'r-2'",
                "INSERT INTO convoy_control.requests SELECT id, 1, 'k', 'dance', NULL, 'eve', now() FROM convoy_control.runs WHERE id <> 'r-2'",
            ])
            let events = try await journal.events(of: run.id, after: 0, limit: 10)
            #expect(events.map(\.isDamaged) == [false, true, false])
            #expect(try await journal.runs(limit: 1).map(\.id) == [run.id])
            #expect(try await journal.damagedRuns() == ["r-2"])
            #expect(try await journal.requests(of: run.id, after: 0) == [])
        }
    }

    /// What PostgreSQL's texts cannot hold, and what could get out of an array's literal.
    @Test func oddTextsComeBack() async throws {
        try await withControlJournal { journal, _ in
            let names = ["a\"b", "c\\d", "{e,f}", "NULL", "", "g\u{1F600}\n'h", "x\u{0}y"]
            let events = names.map { Event(at: moment(), .instanceWarned(instance: $0, message: $0)) }
            try await journal.append(events, to: run.id)
            let read = try await journal.events(of: run.id, after: 0, limit: 100)
            #expect(read.map(\.json) == events.map(\.json.line))
            for name in names where !name.contains("\u{0}") {
                #expect(try await journal.events(of: run, about: name).count == 1, "\(name)")
            }
        }
    }
}
