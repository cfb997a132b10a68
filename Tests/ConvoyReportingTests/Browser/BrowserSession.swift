import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRollout
import ConvoyRun
import FoundationEssentials
import TestSupport

@testable import ConvoyReporting
@testable import ConvoyText

/// A browser of a run with a log that it has read.
struct BrowserSession {
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

    // MARK: Runs

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
    static func plannedFacts(checksum: String = "c") throws -> BrowserFacts {
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
            change: .up(to: nil),
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
    static var underWay: [Event] {
        Array(troubledRun.prefix { if case .instanceFinished("bob", _) = $0.kind { false } else { true } })
    }

    /// A run of many instances, of which none has begun.
    static func large(_ count: Int) -> [Event] {
        let names = (0..<count).map { "i" + String(repeating: "0", count: max(0, 5 - String($0).count)) + String($0) }
        return [Event(at: moment(), .runStarted(run: "r-1", fleet: "eu", waves: [PlannedWave(name: "all", instances: names)]))]
    }
}
