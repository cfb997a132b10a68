import ConvoyFleet
import ConvoyMigrations
import ConvoyRollout
import ConvoyRun
import FoundationEssentials
import TestSupport
import Testing

@testable import ConvoyReporting
@testable import ConvoyText

/// A run on a full screen: keys in, lines out.
struct RunBrowserTests {
    private static let underWay = BrowserSession.underWay

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
        var session = BrowserSession(
            events,
            width: width,
            height: height,
            facts: try BrowserSession.plannedFacts(),
            state: events.count == troubledRun.count ? .ended(.halted) : .running
        )
        session.press(keys)
        let lines = session.browser.lines(at: moment(60))
        #expect(lines.count == height)
        for line in lines { #expect(line.rendered(OutputStyle(width: width)).displayWidth <= width) }
        try expectGolden(session.text, "top/\(name).txt")
    }

    @Test func anInstanceIsOpenedDownToItsStatements() throws {
        var session = BrowserSession(Self.underWay, facts: try BrowserSession.plannedFacts())
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

    /// The lines of a terminal are short, and the commands that help are at the end.
    @Test(arguments: [(80, 24), (160, 50), (30, 10), (1, 1)])
    func aRunThatNoWorkerTakesSaysWhy(_ width: Int, _ height: Int) throws {
        let reason =
            "no worker of its fleet is alive (start one with `convoy worker`); `convoy resume r-1` carries it out without workers, "
            + "`convoy abandon r-1` gives it up for good"
        var session = BrowserSession(Self.underWay, width: width, height: height, facts: try BrowserSession.plannedFacts())
        let before = session.screen()
        session.browser.learn(shortage: reason)
        for keys in ["", "w", "\u{1B}"] {
            session.press(keys)
            #expect(session.screen().count == height)
            for line in session.browser.lines(at: moment(60)) {
                #expect(line.rendered(OutputStyle(width: width)).displayWidth <= width)
            }
            guard width >= 80 else { continue }
            let words = session.text.split { $0 == " " || $0 == "\n" }.joined(separator: " ")
            #expect(words.contains("waits: \(reason)"), "\(session.text)")
        }
        session.browser.learn(shortage: nil)
        #expect(height < 24 || session.screen() == before)
        // A long one leaves room for the instances.
        session.browser.learn(shortage: String(repeating: "worker w1: \u{1B}[2J its fleet file is not the same ", count: 100))
        #expect(session.screen().count == height)
        #expect(height < 24 || session.text.contains("> "), "\(session.text)")
        session.happen(.runFinished(status: .interrupted))
        #expect(!session.text.contains("waits: worker"))
    }

    @Test func aFileThatHasChangedIsNamed() throws {
        var session = BrowserSession(troubledRun, facts: try BrowserSession.plannedFacts(checksum: "d"), state: .ended(.halted))
        session.press("/bob\r\r\r")
        #expect(session.text.contains("the file has changed since the run was planned"))
        var unknown = BrowserSession(troubledRun, state: .ended(.halted))
        unknown.press("/bob\r\r\r")
        #expect(unknown.text.contains("its statements are not known"))
    }

    // MARK: Actions

    @Test func withoutActionsTheRunIsLeftAlone() throws {
        var session = BrowserSession(
            Self.underWay + [Event(at: moment(2), .gateOpened(wave: "canary"))],
            facts: try BrowserSession.plannedFacts()
        )
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
        var session = BrowserSession(
            Self.underWay + [Event(at: moment(2), .gateOpened(wave: "canary"))],
            allowsActions: true,
            facts: try BrowserSession.plannedFacts()
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
        var session = BrowserSession(Self.underWay, allowsActions: true, facts: try BrowserSession.plannedFacts())
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
        var unknown = BrowserSession(Self.underWay, allowsActions: true)
        #expect(unknown.press("py") == [])
    }

    // MARK: Odd runs

    @Test func aRunWithoutEventsOrInstancesCanBeLookedAt() {
        let empty = Event(at: moment(), .runStarted(run: "r-1", fleet: "eu", waves: []))
        for events in [[], [empty]] {
            for keys in ["", "jkGg\u{1B}[6~", "\r\r", "w\r", "/a\r", "s", "r", "a", "p", "x"] {
                var session = BrowserSession(events, allowsActions: true)
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
                var session = BrowserSession(events.map { Event(at: moment(), $0) }, width: width, height: height, allowsActions: true)
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
        let session = BrowserSession(Self.underWay, facts: try BrowserSession.plannedFacts(), state: .cutOff)
        #expect(session.text.contains("cut off: no process works on it"))
        #expect(session.screen(at: 60) == session.screen(at: 600))
        let running = BrowserSession(Self.underWay, facts: try BrowserSession.plannedFacts())
        #expect(running.screen(at: 60) != running.screen(at: 600))
    }
}
