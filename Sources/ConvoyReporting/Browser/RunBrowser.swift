package import ConvoyRun
package import ConvoyText
package import FoundationEssentials

/// A run on a full screen that keys lead through: its instances, filtered and in order, its waves, one instance, one of its migrations.
///
///     browser.read(RunReading(log, changed: nil, opened: browser.openedInstance, browser.facts))
///     let effect = browser.press(.down)
///     write(screen.changes(to: browser.lines(at: now), browser.style))
///
/// It is a value: it knows no terminal, no journal and no clock.
package struct RunBrowser: Sendable {
    /// What is on the screen.
    package enum Screen: Sendable, Hashable {
        case list, waves, instance, migration
    }

    /// What an operator may ask of the run.
    package enum Action: Sendable, Hashable {
        case approve(wave: String)
        case pause(server: String)
        case resume(server: String)
        /// `isSecond`: the run is stopping already, and a second request cancels what is in progress.
        case stop(isSecond: Bool)
    }

    /// What a key asks of the program.
    package enum Effect: Sendable, Hashable {
        case quit
        /// As Ctrl-Z does.
        case suspend
        /// Draw everything again, whatever the terminal shows.
        case redraw
        /// Read the run again: another instance is looked into.
        case read
        /// The operator has confirmed it.
        case act(Action)
    }

    /// What is being typed.
    enum Prompt: Sendable, Hashable {
        /// The filter, and what it was before.
        case filter(String, before: BrowserFilter)
        case confirm(Action)
    }

    /// The terminal.
    package var style: OutputStyle {
        didSet { settle() }
    }
    /// What is on the screen.
    package internal(set) var screen = Screen.list
    /// The name of the instance that is looked into; nil if none is.
    package internal(set) var openedInstance: String?

    let run: RunRecord
    /// Whether keys may ask something of the run.
    let allowsActions: Bool
    /// Whether a process works on the run; nil before that is known.
    var state: RunState?
    /// Why no worker takes it; nil where one may, and where no worker has to.
    var shortage: String?
    /// The run without its instances; nil before the first reading.
    var head: RunLog?
    var rows = BrowserRows()
    /// The index of the selected row, which stays selected when rows move.
    var selected: Int?
    var list = BrowserCursor()
    var waves = BrowserCursor()
    var migrations = BrowserCursor()
    var text = BrowserCursor()
    var opened: InstanceLog?
    var prompt: Prompt?
    var message: (text: String, emphasis: Emphasis)?
    /// How wide the columns have to be for all instances.
    var widths = (name: 8, server: 0, wave: 0)

    /// - Parameters:
    ///   - run: what is known before the first reading.
    ///   - allowsActions: whether keys may ask something of the run.
    package init(_ run: RunRecord, style: OutputStyle, allowsActions: Bool) {
        (self.run, self.style, self.allowsActions) = (run, style, allowsActions)
    }

    /// What is known besides the run's events.
    package var facts: BrowserFacts { rows.facts }

    /// How many instances were filtered or compared so far: what keys and events cost.
    package var work: Int { rows.work }

    /// Whether the clocks on the screen run.
    package var isActive: Bool { state == .running && head?.status == nil }

    // MARK: What the program has learnt

    /// Takes in what is known besides the events. The next reading has to be a whole one.
    package mutating func learn(_ facts: BrowserFacts) { rows.facts = facts }

    /// Takes in whether a process works on the run, and how it ended if not.
    package mutating func learn(_ state: RunState) { self.state = state }

    /// Takes in why no worker takes the run, with what to do about it; nil where one may.
    package mutating func learn(shortage: String?) {
        self.shortage = shortage
        // The list has more or less room now.
        settle()
    }

    /// Takes in what has happened in the run.
    package mutating func read(_ reading: RunReading) {
        head = reading.head
        if reading.isWhole {
            rows.replace(reading.rows)
            widths = reading.rows.reduce(into: (8, 0, 0)) { widths, row in
                widths.0 = max(widths.0, row.name.visible.displayWidth)
                widths.1 = max(widths.1, row.server.visible.displayWidth)
                widths.2 = max(widths.2, row.wave.visible.displayWidth)
            }
        } else {
            rows.update(reading.rows)
        }
        if let openedInstance, reading.opened?.name == openedInstance { opened = reading.opened }
        followSelection()
        settle()
    }

    /// Shows a line until the next key.
    package mutating func show(_ text: String, isBad: Bool = false) { message = (text, isBad ? .bad : .notable) }

    // MARK: The selection

    /// Keeps the selected instance selected, and in its place on the screen. If the filter leaves it out, its neighbour is selected.
    mutating func followSelection() {
        if let selected, let position = rows.position(of: selected) {
            list.follow(to: position, count: rows.shown.count, height: listHeight)
        } else {
            list.settle(count: rows.shown.count, height: listHeight)
            select()
        }
    }

    /// The row at the cursor is the selected one.
    mutating func select() { selected = rows.shown.indices.contains(list.position) ? rows.shown[list.position] : nil }

    var selectedRow: BrowserRow? { selected.flatMap { rows.all.indices.contains($0) ? rows.all[$0] : nil } }

    private mutating func settle() {
        list.settle(count: rows.shown.count, height: listHeight)
        waves.settle(count: head?.waves.count ?? 0, height: wavesHeight)
        migrations.settle(count: entries.count, height: migrationsHeight)
    }

    // MARK: Lines

    /// The lines of the screen: as many as the terminal has.
    package func lines(at now: Date) -> [ScreenLine] {
        let body: [ScreenLine] =
            switch screen {
            case .list: listLines(at: now)
            case .waves: wavesLines(at: now)
            case .instance: instanceLines(at: now)
            case .migration: migrationLines(at: now)
            }
        let foot = [statusLine, ScreenLine(keys, .faint)]
        let room = max(0, height - foot.count)
        var lines = Array(body.prefix(room))
        lines += Array(repeating: ScreenLine(), count: room - lines.count)
        return Array((lines + foot).suffix(height))
    }

    var height: Int { max(1, style.height ?? 24) }
    var width: Int { max(1, style.width ?? 80) }
}
