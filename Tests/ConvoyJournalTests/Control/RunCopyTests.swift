import ConvoyFleet
import ConvoyKit
import FoundationEssentials
import GRDB
import TestSupport
import Testing

@testable import ConvoyJournal
@testable import ConvoyRun

/// The runs of a journal in a control database: all of them, whole, and no more than once.
@Suite(.timeLimit(.minutes(3)))
struct RunCopyTests {
    private static let over = RunID("r-1")
    private static let halted = RunID("r-2")

    /// A journal with a run that is over, one that was halted, and requests; and an empty control database.
    private func withBoth(
        on release: PostgresServer.Release = .system,
        _ body: (_ journal: SQLiteJournal, _ store: ControlJournal, _ copy: RunCopy, TestDatabase) async throws -> Void
    ) async throws {
        try await withControlDatabase(on: release) { control, database in
            try await withTemporaryFolder { folder in
                let path = "\(folder)/journal.sqlite"
                let journal = try await SQLiteJournal.open(path: path)
                for (index, id) in [Self.over, Self.halted].enumerated() {
                    let record = JournalSamples.run(id.description, startedAt: moment(Double(index) * 100))
                    try await journal.begin(record, plan: Data("{\"now\":\(index == 0)}".utf8))
                }
                // The journal's numbers are those of both runs.
                for (index, kind) in JournalSamples.kinds.enumerated() {
                    let event = Event(at: moment(Double(200 + index)), kind)
                    try await journal.append([event], to: index % 3 == 0 ? Self.halted : Self.over)
                }
                try await journal.append((0..<2500).map(JournalSamples.numbered), to: Self.over)
                try await journal.append([Event(at: moment(400), .runFinished(status: .succeeded))], to: Self.over)
                try await journal.append([Event(at: moment(401), .runFinished(status: .halted))], to: Self.halted)
                for kind in [OperatorRequest.Kind.pause(server: "eu-1"), .approve(wave: nil), .stop] {
                    try await journal.post(kind, to: Self.over, by: "ann@db-tools", at: moment(3))
                }
                let copy = RunCopy(from: RunCatalog(journal: .file(path)) { Issue.record("\($0)") }, to: .control(database.owner))
                try await body(journal, ControlJournal(control), copy, database)
            }
        }
    }

    /// What a store has of all runs, without numbers.
    private func contents(_ store: any RunStore) async throws -> [String] {
        var lines: [String] = []
        for run in try await store.runs(limit: 100) {
            lines.append("\(run)")
            lines.append(String(decoding: try await store.plan(of: run.id) ?? Data(), as: UTF8.self))
            lines.append("\(try await store.immediateRuns(among: [run.id]).count)")
            for try await event in store.events(of: run.id) { lines.append("\(event.type) \(event.json)") }
            for request in try await store.requests(of: run.id, after: 0) { lines.append("\(request.kind) \(request.by) \(request.at)") }
            lines.append("\(try await store.outcomes(of: run.id).sorted { $0.key.rawValue < $1.key.rawValue })")
            lines.append("\(try await store.durations(of: [run.id]))")
            lines.append("\(try await store.events(of: run, about: "alice").map(\.json))")
        }
        let endings = try await store.lastEndings(of: ["alice", "bob", "carol"], fleet: "teslamate-eu", except: nil)
        lines += endings.map { "\($0.run) \($0.event.json) \($0.isLast)" }
        let totals = try await store.totals(of: "teslamate-eu", after: nil)
        for (run, news) in totals.news.sorted(by: { $0.key < $1.key }) {
            lines.append("\(run) \(news.instances.sorted { $0.key < $1.key })")
        }
        return lines
    }

    @Test(arguments: PostgresServer.Release.tested)
    func everyRunIsThereAsItWas(_ release: PostgresServer.Release) async throws {
        try await withBoth(on: release) { journal, store, copy, _ in
            let summary = try await copy.perform()
            #expect(summary.copied == [Self.over, Self.halted] && summary.present.isEmpty && summary.different.isEmpty)
            #expect(summary.events == JournalSamples.kinds.count + 2502 && summary.requests == 3)
            let (before, after) = (try await contents(journal), try await contents(store))
            #expect(before.count > 2500)
            #expect(before == after)

            // Once more, there is nothing to do.
            let again = try await copy.perform()
            #expect(again.copied.isEmpty && again.present == [Self.over, Self.halted] && again.events == 0)
            #expect(try await contents(store) == after)

            // The copy of a run is continued as any other.
            let lock = try await store.lock(Self.halted)
            try await store.append([Event(at: moment(500), .runResumed(by: "ann@db-tools"))], to: Self.halted)
            await lock.release()
            #expect(try await copy.perform().different == [Self.halted])
        }
    }

    @Test func nothingIsCopiedWhileARunIsActive() async throws {
        try await withBoth { journal, store, copy, _ in
            try await journal.begin(JournalSamples.run("r-3", startedAt: moment(900)), plan: Data())
            let lock = try await journal.lock(RunID("r-3"))
            do throws(FleetError) {
                _ = try await copy.perform()
                Issue.record("it was copied")
            } catch {
                #expect(error.code == .activeRun)
                #expect(error.message.contains("run r-3 of ann@db-tools is active; nothing was copied"))
            }
            #expect(try await store.runs(limit: 10).isEmpty)
            await lock.release()
            #expect(try await copy.perform().copied.count == 3)
        }
    }

    /// As a kill does it, and what falsifies.
    @Test(arguments: [
        "RAISE 'no' USING ERRCODE = 'disk_full'",
        // Swallows an event without a word.
        "RETURN NULL",
    ])
    func aRunIsCopiedWholeOrNotAtAll(_ trouble: String) async throws {
        try await withBoth { journal, store, copy, database in
            try await database.execute([
                "CREATE FUNCTION public.trouble() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN \(trouble); END$$",
                """
                CREATE TRIGGER trouble BEFORE INSERT ON convoy_control.events FOR EACH ROW WHEN (NEW.run = 'r-2' AND NEW.number = 7)
                EXECUTE FUNCTION public.trouble()
                """,
            ])
            do throws(FleetError) {
                _ = try await copy.perform()
                Issue.record("it was copied")
            } catch {
                #expect(error.message.contains("disk is full") || error.message.contains("is not complete: "), "\(error)")
            }
            #expect(try await store.runs(limit: 10).map(\.id) == [Self.over])
            try await database.execute(["DROP TRIGGER trouble ON convoy_control.events"])
            let summary = try await copy.perform()
            #expect(summary.copied == [Self.halted] && summary.present == [Self.over])
            let (before, after) = (try await contents(journal), try await contents(store))
            #expect(before == after)
        }
    }

    @Test func whatIsDamagedStaysAsItIs() async throws {
        try await withBoth { journal, store, copy, _ in
            try await journal.write { db in
                try db.execute(sql: "UPDATE events SET json = 'no JSON' WHERE number IN (2, 5)")
                try db.execute(sql: "UPDATE events SET type = 'painted', json = '{\"type\":\"painted\"}' WHERE number = 8")
            }
            _ = try await copy.perform()
            var texts: [[String]] = []
            for source in [journal, store] as [any RunStore] {
                var lines: [String] = []
                for try await event in source.events(of: Self.over) { lines.append("\(event.type) \(event.json) \(event.isDamaged)") }
                texts.append(lines)
            }
            #expect(texts[0] == texts[1])
            #expect(texts[0].contains { $0.contains("no JSON true") })
        }
    }
}
