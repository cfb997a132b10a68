import ConvoyFleet
import ConvoyMigrations
import ConvoyRollout
import ConvoyRun
import FoundationEssentials
import TestSupport
import Testing

@testable import ConvoyReporting
@testable import ConvoyText

/// The list of a run's instances: filter, order, selection, and its work with very many of them.
struct RunBrowserListTests {
    // MARK: Filter, order and selection

    @Test(arguments: [
        ("", ["bob", "carol", "dave", "alice"]), ("AR", ["carol", "alice"]), ("eu-1", ["bob", "alice"]), ("failed", ["bob"]),
        ("canary", ["alice"]), ("nothing", []),
        ("state=failed", ["bob"]), ("server=us-1", ["carol", "dave"]), ("name~*a*", ["carol", "dave", "alice"]), ("ring=canary", ["alice"]),
        ("wave=rest,server!=us-1", ["bob"]), ("state=", []), ("ring in (canary)", ["alice"]),
    ])
    func whatIsTypedFilters(_ filter: String, _ names: [String]) throws {
        var session = BrowserSession(troubledRun, facts: try BrowserSession.plannedFacts(), state: .ended(.halted))
        session.press("/" + filter)
        #expect(session.names == names)
        session.press("\r")
        #expect(session.names == names)
        // Esc takes it away again, and shows no more than that.
        session.press("\u{1B}")
        #expect(session.names == ["bob", "carol", "dave", "alice"])
    }

    @Test func aFilterCanBeEditedPastedAndGivenUp() throws {
        var session = BrowserSession(troubledRun, facts: try BrowserSession.plannedFacts(), state: .ended(.halted))
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
        var session = BrowserSession(troubledRun, facts: try BrowserSession.plannedFacts(), state: .ended(.halted))
        session.press(keys)
        #expect(session.names == names)
    }

    @Test func theSelectionStaysOnItsInstance() throws {
        var session = BrowserSession(BrowserSession.underWay, facts: try BrowserSession.plannedFacts())
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
        var session = BrowserSession(BrowserSession.large(200), width: 80, height: 24)
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
        var session = BrowserSession(BrowserSession.large(200), width: 80, height: 50)
        session.press(String(repeating: "j", count: 40))
        let selected = session.selected
        #expect(selected != nil)
        for height in [10, 24, 3, 50, 1, 8] {
            session.browser.style = OutputStyle(width: 80, height: height)
            #expect(session.screen().count == height)
            if height >= 8 { #expect(session.selected == selected, "\(height)") }
        }
    }

    // MARK: 10,000 instances

    /// A key and an event cost what is on the screen, not what is in the run.
    @Test func theWorkDoesNotGrowWithTheFleet() {
        let count = 10_000
        var session = BrowserSession(BrowserSession.large(count), width: 160, height: 50)
        func work(_ body: (inout BrowserSession) -> Void) -> Int {
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
            var session = BrowserSession(BrowserSession.large(300), width: 80, height: 320)
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
