import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRollout
import ConvoyRun
import FoundationEssentials
import TestSupport
import Testing

@testable import ConvoyReporting
@testable import ConvoyText

/// A run on a full screen: keys in, lines out.
struct RunBrowserTests {
    /// A browser with a log that it has read.
    private struct Session {
        var browser: RunBrowser
        var log = RunLog()
        var facts: BrowserFacts

        init(
            _ events: [Event],
            width: Int = 80,
            height: Int = 24,
            allowsActions: Bool = false,
            facts: BrowserFacts = BrowserFacts(),
            state: RunState = .running
        ) {
            let record = RunRecord(
                id: RunID("r-1"),
                fleet: "teslamate-eu",
                fleetFile: "fleet.yaml",
                change: .up(to: nil),
                instances: 4,
                startedAt: moment(),
                startedBy: "ann@host"
            )
            browser = RunBrowser(record, style: OutputStyle(width: width, height: height), allowsActions: allowsActions)
            self.facts = facts
            browser.learn(facts)
            browser.learn(state)
            for event in events { log.apply(event) }
            read(changed: nil)
        }

        mutating func read(changed: Set<String>?) { browser.read(RunReading(log, changed: changed, opened: browser.openedInstance, facts)) }

        /// Takes in an event as the program does: with the instance that it is about.
        mutating func happen(_ kind: Event.Kind, at seconds: Double = 60) {
            log.apply(Event(at: moment(seconds), kind))
            read(changed: kind.instance.map { [$0] } ?? [])
        }

        /// Presses what a terminal sends.
        @discardableResult
        mutating func press(_ input: String) -> [RunBrowser.Effect] {
            var decoder = KeyDecoder()
            return (decoder.keys(Array(input.utf8)) + decoder.timeOut()).compactMap { key in
                let effect = browser.press(key)
                if effect == .read { read(changed: []) }
                return effect
            }
        }

        func screen(at seconds: Double = 60) -> [String] {
            browser.lines(at: moment(seconds)).map { line in
                var text = line.text
                while text.last == " " { text.removeLast() }
                return text
            }
        }

        var text: String { screen().joined(separator: "\n") + "\n" }

        /// The names in the list, from top to bottom.
        var names: [String] {
            let lines = screen()
            guard let title = lines.firstIndex(where: { $0.hasPrefix("  INSTANCE") }) else { return [] }
            return lines[(title + 1)...].compactMap { $0.dropFirst(2).split(separator: " ").first.map(String.init) }.filter {
                log.instance($0) != nil
            }
        }

        var selected: String? { screen().first { $0.hasPrefix("> ") }?.dropFirst(2).split(separator: " ").first.map(String.init) }
    }

    private static let up = MigrationSection(
        isTransactional: true,
        elements: [
            .statement(SQLStatement(text: "ALTER TABLE charges\n\tALTER COLUMN charger_power TYPE numeric(8,2)", line: 7)),
            .step(name: "encrypt", line: 9),
        ]
    )

    private static func migration(_ version: MigrationVersion, _ name: String, checksum: String = "c") -> Migration {
        Migration(
            version: version,
            name: name,
            file: "Migrations/\(version)_\(name).sql",
            up: up,
            down: .irreversible(reason: "no", line: 1),
            checksum: checksum
        )
    }

    /// The plan of the troubled run, on two servers.
    private static func facts(checksum: String = "c", _ change: Change = .up(to: nil)) throws -> BrowserFacts {
        func planned(_ text: String) -> [RunPlan.PlannedInstance] {
            instances(text).map { instance in
                var planned = RunPlan.PlannedInstance(instance)
                planned.start = InstanceStart(version: older, pending: [newest])
                return planned
            }
        }
        let set = try MigrationSet([migration(older, "add_index"), migration(newest, "narrow_charges", checksum: checksum)])
        let plan = RunPlan(
            fleet: "teslamate-eu",
            generatedAt: moment(),
            change: change,
            migrations: [RunPlan.PinnedMigration(migration(newest, "narrow_charges"))],
            waves: [
                RunPlan.Wave(name: "canary", instances: planned("alice@eu-1")),
                RunPlan.Wave(name: "rest", instances: planned("bob@eu-1 carol@us-1 dave@us-1")),
            ]
        )
        let alice = Instance(
            name: "alice",
            server: "eu-1",
            database: "alice",
            labels: ["ring": "canary"],
            connection: ConnectionParameters()
        )
        return BrowserFacts(plan: plan, instances: [alice], set: set)
    }

    /// The troubled run while bob and carol are in progress.
    private static var underWay: [Event] {
        Array(troubledRun.prefix { if case .instanceFinished("bob", _) = $0.kind { false } else { true } })
    }

    // MARK: Screens

    private static let screens: [(name: String, events: [Event], keys: String, width: Int, height: Int)] = [
        ("list-80x24", underWay, "", 80, 24), ("list-160x50", underWay, "", 160, 50), ("list-ended-80x24", troubledRun, "", 80, 24),
        ("filter-80x24", underWay, "/rest", 80, 24), ("waves-80x24", troubledRun, "w", 80, 24), ("waves-160x50", underWay, "w", 160, 50),
        ("instance-waiting-80x24", underWay, "sj\r", 80, 24), ("instance-failed-80x24", troubledRun, "\r", 80, 24),
        ("migration-under-way-80x24", underWay, "/bob\r\r\r", 80, 24), ("migration-failed-160x50", troubledRun, "\r\r", 160, 50),
        ("lock-busy-80x24", troubledRun, "/carol\r\r", 80, 24), ("narrow-30x10", underWay, "", 30, 10),
    ]

    @Test(arguments: screens) func keysLeadToScreens(_ name: String, _ events: [Event], _ keys: String, _ width: Int, _ height: Int) throws
    {
        var session = Session(
            events,
            width: width,
            height: height,
            facts: try Self.facts(),
            state: events.count == troubledRun.count ? .ended(.halted) : .running
        )
        session.press(keys)
        let lines = session.browser.lines(at: moment(60))
        #expect(lines.count == height)
        for line in lines { #expect(line.rendered(OutputStyle(width: width)).displayWidth <= width) }
        try expectGolden(session.text, "top/\(name).txt")
    }

    @Test func anInstanceIsOpenedDownToItsStatements() throws {
        var session = Session(Self.underWay, facts: try Self.facts())
        session.press("/carol\r\r")
        #expect(session.text.contains("waits: pid 4711 (psql) holds the lock"))
        #expect(session.browser.screen == .instance && session.browser.openedInstance == "carol")
        session.press("\u{1B}")
        #expect(session.browser.screen == .list && session.browser.openedInstance == nil)
        session.press("/\u{15}bob\r\r\r")
        #expect(session.browser.screen == .migration)
        #expect(session.text.contains("     7  ALTER TABLE charges\n     8      ALTER COLUMN charger_power"))
        #expect(session.text.contains("     9  step encrypt"))
        #expect(session.text.contains("under way for 0:59"), "\(session.text)")
        // What happens meanwhile is on the screen.
        session.happen(.instanceWaiting(instance: "bob", reason: "migration \(newest) waits for a lock; process 7 (cron) holds it"))
        #expect(session.text.contains("waits: migration \(newest) waits for a lock; process 7 (cron) holds it"))
        session.happen(
            .instanceProgress(
                instance: "bob",
                activity: ServerActivity(command: "CREATE INDEX", relation: "drives", phase: "scanning", done: 1, total: 4)
            )
        )
        #expect(session.text.contains("CREATE INDEX drives 25 %, scanning"))
        session.press("\u{1B}\u{1B}")
        #expect(session.browser.screen == .list)
    }

    @Test func aFileThatHasChangedIsNamed() throws {
        var session = Session(troubledRun, facts: try Self.facts(checksum: "d"), state: .ended(.halted))
        session.press("/bob\r\r\r")
        #expect(session.text.contains("the file has changed since the run was planned"))
        var unknown = Session(troubledRun, state: .ended(.halted))
        unknown.press("/bob\r\r\r")
        #expect(unknown.text.contains("its statements are not known"))
    }

    // MARK: Filter, order and selection

    @Test(arguments: [
        ("", ["bob", "carol", "dave", "alice"]), ("AR", ["carol", "alice"]), ("eu-1", ["bob", "alice"]), ("failed", ["bob"]),
        ("canary", ["alice"]), ("nothing", []),
        ("state=failed", ["bob"]), ("server=us-1", ["carol", "dave"]), ("name~*a*", ["carol", "dave", "alice"]), ("ring=canary", ["alice"]),
        ("wave=rest,server!=us-1", ["bob"]), ("state=", []), ("ring in (canary)", ["alice"]),
    ])
    func whatIsTypedFilters(_ filter: String, _ names: [String]) throws {
        var session = Session(troubledRun, facts: try Self.facts(), state: .ended(.halted))
        session.press("/" + filter)
        #expect(session.names == names)
        session.press("\r")
        #expect(session.names == names)
        // Esc takes it away again, and shows no more than that.
        session.press("\u{1B}")
        #expect(session.names == ["bob", "carol", "dave", "alice"])
    }

    @Test func aFilterCanBeEditedPastedAndGivenUp() throws {
        var session = Session(troubledRun, facts: try Self.facts(), state: .ended(.halted))
        session.press("/bobx\u{7F}\r/l\u{7F}")
        #expect(session.names == ["bob"])
        session.press("\u{15}\u{1B}[200~car\nol\u{1B}[201~")
        #expect(session.screen().contains { $0.hasPrefix("filter: car ol_") })
        session.press("\u{1B}")
        #expect(session.names == ["bob"])
        // Commands are letters again.
        #expect(session.press("q") == [.quit])
        #expect(session.press("/q") == [])
        #expect(session.press("\u{3}") == [.quit])
        #expect(session.press("\u{1A}\u{C}") == [.suspend, .redraw])
    }

    @Test(arguments: [
        ("", ["bob", "carol", "dave", "alice"]), ("s", ["alice", "bob", "carol", "dave"]), ("ss", ["carol", "bob", "alice", "dave"]),
        ("sss", ["alice", "bob", "carol", "dave"]), ("sr", ["dave", "carol", "bob", "alice"]), ("srr", ["alice", "bob", "carol", "dave"]),
        ("r", ["alice", "dave", "carol", "bob"]),
    ])
    func instancesAreSorted(_ keys: String, _ names: [String]) throws {
        var session = Session(troubledRun, facts: try Self.facts(), state: .ended(.halted))
        session.press(keys)
        #expect(session.names == names)
    }

    @Test func theSelectionStaysOnItsInstance() throws {
        var session = Session(Self.underWay, facts: try Self.facts())
        #expect(session.names == ["carol", "bob", "dave", "alice"])
        session.press("j")
        #expect(session.selected == "bob")
        session.press("s")
        #expect(session.selected == "bob" && session.names == ["alice", "bob", "carol", "dave"])
        session.press("sss")
        let line = session.screen().firstIndex { $0.hasPrefix("> ") }
        // bob fails and moves to the top; the selection goes with it.
        session.happen(.instanceFinished(instance: "bob", result: InstanceResult(outcome: .failed, failure: overflow)))
        #expect(session.names == ["bob", "carol", "dave", "alice"] && session.selected == "bob")
        #expect(line != nil)
        // A filter that leaves it out selects a neighbour.
        session.press("/carol")
        #expect(session.selected == "carol")
        session.press("\u{7F}\u{7F}\u{7F}\u{7F}\u{7F}")
        #expect(session.selected == "carol")
    }

    @Test func aLongListScrollsWithItsSelection() {
        var session = Session(Self.large(200), width: 80, height: 24)
        session.press("s")
        let first = session.names
        // A page further the selection is on the last line, and another one scrolls.
        session.press("\u{1B}[6~\u{1B}[6~")
        #expect(session.names != first)
        session.press("G")
        #expect(session.selected == "i00199" && session.names.last == "i00199")
        session.press("kkk")
        #expect(session.selected == "i00196")
        let names = session.names
        // Others change: the rows stay.
        session.happen(.instanceStarted(instance: "i00002", wave: "all"))
        #expect(session.names == names && session.selected == "i00196")
        session.press("g")
        #expect(session.selected == "i00000" && session.names == first)
        // Rows that come before the selected one do not move it on the screen.
        session.press("sss" + String(repeating: "j", count: 100))
        let line = session.screen().firstIndex { $0.hasPrefix("> ") }
        let selected = session.selected
        session.happen(.instanceStarted(instance: "i00150", wave: "all"))
        session.happen(.instanceStarted(instance: "i00151", wave: "all"))
        #expect(session.selected == selected)
        #expect(session.screen().firstIndex { $0.hasPrefix("> ") } == line)
    }

    @Test func aResizeKeepsTheSelectionOnTheScreen() {
        var session = Session(Self.large(200), width: 80, height: 50)
        session.press(String(repeating: "j", count: 40))
        let selected = session.selected
        #expect(selected != nil)
        for height in [10, 24, 3, 50, 1, 8] {
            session.browser.style = OutputStyle(width: 80, height: height)
            #expect(session.screen().count == height)
            if height >= 8 { #expect(session.selected == selected, "\(height)") }
        }
    }

    // MARK: Actions

    @Test func withoutActionsTheRunIsLeftAlone() throws {
        var session = Session(Self.underWay + [Event(at: moment(2), .gateOpened(wave: "canary"))], facts: try Self.facts())
        for key in ["a", "p", "x"] {
            #expect(session.press(key + "y") == [])
            session.press(key)
            #expect(session.text.contains("read-only: start convoy top with --allow-actions"))
        }
        #expect(!session.browser.keys.contains("approve"))
    }

    @Test(arguments: [
        ("a", RunBrowser.Action.approve(wave: "canary"), "approve the gate of wave canary? [y/N]"),
        ("p", .pause(server: "us-1"), "pause server us-1, so that no new instances start there? [y/N]"),
        ("x", .stop(isSecond: false), "stop the run: instances in progress finish, and nothing new starts? [y/N]"),
    ])
    func eachActionAsksFirst(_ key: String, _ action: RunBrowser.Action, _ question: String) throws {
        var session = Session(
            Self.underWay + [Event(at: moment(2), .gateOpened(wave: "canary"))],
            allowsActions: true,
            facts: try Self.facts()
        )
        for refusal in ["n", "\u{1B}", "\r", "q"] {
            #expect(session.press(key) == [])
            #expect(session.text.contains(question))
            #expect(session.press(refusal) == [])
            #expect(session.text.contains("not confirmed; nothing was requested"))
        }
        #expect(session.press(key + "y") == [.act(action)])
        #expect(session.press(key + "Y") == [.act(action)])
    }

    @Test func whatMakesNoSenseIsNotAsked() throws {
        var session = Session(Self.underWay, allowsActions: true, facts: try Self.facts())
        #expect(session.press("ay") == [])
        session.press("a")
        #expect(session.text.contains("the run is not waiting at a gate"))
        session.happen(.serverPaused(server: "us-1", by: "ann"))
        #expect(session.press("py") == [.act(.resume(server: "us-1"))])
        #expect(session.text.contains("paused: us-1"))
        session.happen(.stopRequested)
        #expect(session.press("xy") == [.act(.stop(isSecond: true))])
        session.happen(.runFinished(status: .interrupted))
        for key in ["a", "p", "x"] {
            session.press(key)
            #expect(session.text.contains("the run is not active"))
        }
        // Without a plan the server is not known.
        var unknown = Session(Self.underWay, allowsActions: true)
        #expect(unknown.press("py") == [])
    }

    // MARK: Odd runs

    @Test func aRunWithoutEventsOrInstancesCanBeLookedAt() {
        let empty = Event(at: moment(), .runStarted(run: "r-1", fleet: "eu", waves: []))
        for events in [[], [empty]] {
            for keys in ["", "jkGg\u{1B}[6~", "\r\r", "w\r", "/a\r", "s", "r", "a", "p", "x"] {
                var session = Session(events, allowsActions: true)
                session.press(keys)
                #expect(session.screen().count == 24)
            }
        }
        let record = RunRecord(
            id: RunID("r-1"),
            fleet: "eu",
            fleetFile: "f",
            change: .up(to: nil),
            instances: 0,
            startedAt: moment(),
            startedBy: "a"
        )
        let browser = RunBrowser(record, style: OutputStyle(width: 40, height: 5), allowsActions: false)
        #expect(browser.lines(at: moment()).map(\.text).contains("reading the journal"))
    }

    @Test func hostileTextsDoNoHarm() {
        let hostile = "\u{1B}[2Ja\nb\u{202E}漢字\u{7}" + String(repeating: "\u{301}", count: 5000)
        let failure = Failure(
            .failed,
            hostile,
            version: newest,
            file: hostile,
            statement: hostile,
            position: 2,
            detail: hostile,
            hint: hostile,
            lockedBy: LockHolder(pid: 1, application: hostile, address: hostile, since: hostile)
        )
        let events: [Event.Kind] = [
            .runStarted(run: hostile, fleet: hostile, waves: [PlannedWave(name: hostile, instances: [hostile, hostile + "2"])]),
            .instanceStarted(instance: hostile, wave: hostile), .instancePlanned(instance: hostile, from: nil, pending: [newest]),
            .instanceStarted(instance: hostile + "2", wave: hostile), .instanceWaiting(instance: hostile + "2", reason: hostile),
            .gateOpened(wave: hostile), .gateWaiting(wave: hostile, reason: hostile), .serverPaused(server: hostile, by: hostile),
            .instanceFinished(instance: hostile, result: InstanceResult(outcome: .failed, failure: failure)),
        ]
        for (width, height) in [(80, 24), (160, 50), (20, 8), (1, 1)] {
            for keys in ["", "\r", "\r\r", "j\r", "w", "w\r", "/\u{1B}[200~\(hostile)\u{1B}[201~", "p"] {
                var session = Session(events.map { Event(at: moment(), $0) }, width: width, height: height, allowsActions: true)
                session.press(keys)
                for line in session.browser.lines(at: moment(1)) {
                    let text = line.rendered(session.browser.style)
                    #expect(!text.unicodeScalars.contains { $0.isObeyedByTerminals })
                    #expect(text.displayWidth <= width && text.utf8.count < 4000)
                }
            }
        }
    }

    @Test func aCutOffRunSaysSoAndItsClocksStand() throws {
        let session = Session(Self.underWay, facts: try Self.facts(), state: .cutOff)
        #expect(session.text.contains("cut off: no process works on it"))
        #expect(session.screen(at: 60) == session.screen(at: 600))
        let running = Session(Self.underWay, facts: try Self.facts())
        #expect(running.screen(at: 60) != running.screen(at: 600))
    }

    // MARK: 10,000 instances

    private static func large(_ count: Int) -> [Event] {
        let names = (0..<count).map { "i" + String(repeating: "0", count: max(0, 5 - String($0).count)) + String($0) }
        return [Event(at: moment(), .runStarted(run: "r-1", fleet: "eu", waves: [PlannedWave(name: "all", instances: names)]))]
    }

    /// A key and an event cost what is on the screen, not what is in the run.
    @Test func theWorkDoesNotGrowWithTheFleet() {
        let count = 10_000
        var session = Session(Self.large(count), width: 160, height: 50)
        func work(_ body: (inout Session) -> Void) -> Int {
            let before = session.browser.work
            body(&session)
            #expect(session.browser.lines(at: moment(60)).count == 50)
            return session.browser.work - before
        }
        // Moving and drawing compare nothing.
        #expect(work { $0.press("jjjG\u{1B}[5~kg") } == 0)
        // An event concerns one instance.
        #expect(RunReading(session.log, changed: ["i00007"], opened: nil, session.facts).count == 1)
        #expect(work { $0.happen(.instanceStarted(instance: "i00007", wave: "all")) } == 1)
        #expect(session.names.first == "i00007")
        #expect(work { $0.happen(.instanceFinished(instance: "i00007", result: InstanceResult(outcome: .migrated))) } == 1)
        // The first letter of a filter looks at all, the next ones at what is left.
        #expect(work { $0.press("/i000") } <= 3 * count + 2000)
        #expect(work { $0.press("1") } <= 1000)
        #expect(session.names == (10..<20).map { "i000\($0)" })
        #expect(work { $0.press("\u{1B}") } <= 2 * count)
        // Another order sorts once; the reverse does not.
        #expect(work { $0.press("s") } <= count)
        #expect(work { $0.press("r") } == 0)
        #expect(session.browser.rows.shown.first == 9999)
    }

    /// However the changes come in, the list is the same as one that was made at once.
    @Test func changesLeadToTheSameListAsTheWhole() {
        var generator = SeededGenerator(seed: 5)
        let outcomes: [Outcome] = [.migrated, .failed, .lockBusy, .upToDate]
        for keys in ["", "s", "ss", "sss", "r", "/migr", "/i000", "/state=failed", "ssr/1"] {
            var session = Session(Self.large(300), width: 80, height: 320)
            session.press(keys)
            for step in 0..<60 {
                // Some steps change a few instances, some very many.
                var changed: Set<String> = []
                for _ in 0..<(step % 10 == 0 ? 120 : Int.random(in: 1...3, using: &generator)) {
                    let name = session.log.instances.randomElement(using: &generator)?.name ?? ""
                    changed.insert(name)
                    let outcome = outcomes.randomElement(using: &generator) ?? .failed
                    let kind: Event.Kind =
                        switch Int.random(in: 0...2, using: &generator) {
                        case 0: .instanceStarted(instance: name, wave: "all")
                        case 1: .instanceWaiting(instance: name, reason: "a lock")
                        default: .instanceFinished(instance: name, result: InstanceResult(outcome: outcome))
                        }
                    session.log.apply(Event(at: moment(Double(step)), kind))
                }
                session.read(changed: changed)
                let incremental = session.browser.rows.shown
                var whole = session.browser.rows
                whole.replace(session.log.instances.map { BrowserRow($0, wavePlace: 0, session.facts) })
                #expect(incremental == whole.shown, "\(keys) \(step)")
            }
        }
    }
}
