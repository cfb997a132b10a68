internal import ConvoyMigrations
internal import ConvoyRollout
import ConvoyRun
import ConvoyText
import FoundationEssentials

extension RunBrowser {
    /// On a screen that is lower, fewer waves are shown above the list.
    private static let lowScreen = 40

    private var header: RunHeader { RunHeader(style: style) }

    // MARK: Above and below

    /// The run as a whole.
    func headLines(at now: Date, showsWaves: Bool = true) -> [ScreenLine] {
        guard let head else { return [ScreenLine("run \(run.id) of \(run.fleet)", .heading), ScreenLine("reading the journal", .faint)] }
        var heading = ScreenLine("run \(run.id) of \(run.fleet)", .heading)
        if let state = head.status.map(RunState.ended) ?? state {
            heading.append("  " + (state == .cutOff ? "cut off: no process works on it" : state.words), state.emphasis)
        }
        let facts =
            (isActive || head.finishedAt != nil ? [head.duration(at: now).clock] : []) + [header.counts(head).joined(separator: ", ")]
        heading.append("  " + facts.joined(separator: "  "))
        let waves = showsWaves ? header.waves(head, limit: height < Self.lowScreen ? 3 : 8) : []
        var lines = [heading]
        lines += waves.map { ScreenLine($0.text, $0.emphasis) }
        lines += shortageLines
        lines += header.waits(head, now).map { ScreenLine($0.text, $0.emphasis) }
        return lines
    }

    /// Why no worker takes the run, in a third of the screen at most; empty where one may, and after its end.
    private var shortageLines: [ScreenLine] {
        guard isActive, let shortage else { return [] }
        let lines = FailureGroup.wrapped("waits: \(shortage.visible)", indent: 2, OutputStyle(width: width))
        let limit = max(1, height / 3)
        var shown = Array(lines.prefix(limit))
        if lines.count > limit { shown[limit - 1] += style.ellipsis }
        return shown.map { ScreenLine($0, .notable) }
    }

    /// What is typed or was answered, or what the list shows.
    var statusLine: ScreenLine {
        switch prompt {
        case .filter(let typed, _): return ScreenLine("filter: \(typed)_", .heading)
        case .confirm(let action):
            // Whatever names are in it, the answers that count are on the screen.
            let answers = " [y/N]"
            return ScreenLine(action.question.cut(to: width - answers.count, marker: style.ellipsis) + answers, .notable)
        case nil: break
        }
        if let message { return ScreenLine(message.text, message.emphasis) }
        guard screen == .list, head != nil else { return ScreenLine() }
        let position = rows.shown.isEmpty ? 0 : list.position + 1
        var text = "\(position) of \(counted(rows.shown.count, "instance"))"
        if !rows.filter.text.isEmpty { text += " of \(rows.all.count), filter: \(rows.filter.text)" }
        return ScreenLine(text + ", by \(rows.order.rawValue)\(rows.isReversed ? ", reversed" : "")", .faint)
    }

    /// The keys that do something now.
    var keys: String {
        let actions = allowsActions && isActive ? ["a approve", "p pause", "x stop"] : []
        switch prompt {
        case .filter: return "Enter keep  Esc cancel  Ctrl-U clear"
        case .confirm: return "y yes  any other key no"
        case nil: break
        }
        let moves = style.usesUnicode ? "↑↓ PgUp PgDn" : "Up Down PgUp PgDn"
        var keys =
            switch screen {
            case .list: ["q quit", "/ filter", "s sort", "r reverse", "w waves", "Enter open"]
            case .waves: ["q quit", "Esc back", "Enter instances of the wave"]
            case .instance: ["q quit", "Esc back", "Enter open"]
            case .migration: ["q quit", "Esc back"]
            }
        keys += actions + [moves]
        // Where there is no room for all of them, those are left out that are easiest to do without.
        for key in [moves, "r reverse", "s sort", "w waves", "/ filter"] where keys.joined(separator: "  ").count > width {
            keys.removeAll { $0 == key }
        }
        return keys.joined(separator: "  ")
    }

    // MARK: The list

    /// Which columns there is room for, and how wide they are; 0 leaves a column out.
    private struct Columns {
        var (name, server, wave, state, version, elapsed, words) = (0, 0, 0, 13, 0, 8, 0)

        static let versions = 31
        private static let fewestWords = 14

        init(_ widths: (name: Int, server: Int, wave: Int), width: Int) {
            name = min(widths.name, max(8, width / 4))
            (server, wave) = (max(6, min(widths.server, 16)), max(4, min(widths.wave, 12)))
            if widths.server == 0 { server = 0 }
            version = Self.versions
            // What says least goes first.
            if left(of: width) < Self.fewestWords { version = 0 }
            if left(of: width) < Self.fewestWords { wave = 0 }
            if left(of: width) < Self.fewestWords { server = 0 }
            words = max(0, left(of: width))
        }

        /// Each column has two blanks after it, and the mark of the selection is before the first.
        private func left(of width: Int) -> Int {
            width - [name, server, wave, state, version, elapsed].reduce(2) { $1 == 0 ? $0 : $0 + $1 + 2 }
        }
    }

    /// How many rows fit below what describes the run.
    var listHeight: Int { max(1, height - headLines(at: .distantPast).count - 3) }

    func listLines(at now: Date) -> [ScreenLine] {
        let columns = Columns(widths, width: width)
        var title = ScreenLine("  ")
        let titles = [
            ("INSTANCE", columns.name), ("SERVER", columns.server), ("WAVE", columns.wave), ("STATE", columns.state),
            ("VERSION", columns.version), ("ELAPSED", columns.elapsed), ("", columns.words),
        ]
        for (text, width) in titles where width > 0 {
            // What an instance is about has no title.
            guard !text.isEmpty else { continue }
            title.append(text, .heading, width: width, isRight: text == "ELAPSED", style)
            title.append("  ")
        }
        var lines = headLines(at: now)
        guard head != nil else { return lines }
        lines.append(title)
        if rows.shown.isEmpty { lines.append(ScreenLine(rows.all.isEmpty ? "  no instances" : "  no instance matches the filter", .faint)) }
        for position in list.range(count: rows.shown.count, height: listHeight) {
            lines.append(line(rows.all[rows.shown[position]], columns, isSelected: position == list.position, at: now))
        }
        return lines
    }

    private func line(_ row: BrowserRow, _ columns: Columns, isSelected: Bool, at now: Date) -> ScreenLine {
        var line = ScreenLine(isSelected ? "> " : "  ")
        line.isSelected = isSelected
        func add(_ text: String, _ width: Int, _ emphasis: Emphasis = .none, isRight: Bool = false) {
            guard width > 0 else { return }
            line.append(text, emphasis, width: width, isRight: isRight, style)
            line.append("  ")
        }
        add(row.name, columns.name)
        add(row.server, columns.server)
        add(row.wave, columns.wave)
        // A process that is gone does nothing any more.
        let isCutOff = row.state.isInProgress && !isActive
        add(isCutOff ? "cut off" : row.state.text, columns.state, isCutOff ? .bad : row.state.emphasis)
        add(versions(row), columns.version)
        add(row.elapsed(at: now, isActive: isActive)?.clock ?? "-", columns.elapsed, isRight: true)
        line.append(row.words.prefix(bytes: 2000).visible.cut(to: columns.words, marker: style.ellipsis))
        return line
    }

    func versions(_ row: BrowserRow) -> String {
        let version = row.version?.description ?? "-"
        guard let target = row.target, target != row.version else { return version }
        return "\(version) \(style.arrow) \(target)"
    }

    // MARK: The waves

    var wavesHeight: Int { max(1, height - headLines(at: .distantPast, showsWaves: false).count - 3) }

    func wavesLines(at now: Date) -> [ScreenLine] {
        var lines = headLines(at: now, showsWaves: false)
        guard let head else { return lines }
        let name = max(4, min(24, head.waves.map { $0.name.visible.displayWidth }.max() ?? 0))
        let count = max(9, head.waves.map { "\($0.finished)/\($0.instances)".count }.max() ?? 0)
        var title = ScreenLine("  ")
        title.append("WAVE", .heading, width: name + 2, style)
        title.append("STATE", .heading, width: 14, style)
        title.append("", width: barWidth + 2, style)
        title.append("INSTANCES", .heading, width: count, isRight: true, style)
        title.append("  ELAPSED  OUTCOMES", .heading)
        lines.append(title)
        for position in waves.range(count: head.waves.count, height: wavesHeight) {
            let wave = head.waves[position]
            var line = ScreenLine(position == waves.position ? "> " : "  ")
            line.isSelected = position == waves.position
            line.append(wave.name, width: name + 2, style)
            let state = self.state(of: wave)
            line.append(state.text, state.emphasis, width: 14, style)
            line.append(header.bar(wave) + "  ")
            line.append("\(wave.finished)/\(wave.instances)", width: count, isRight: true, style)
            let elapsed = wave.startedAt.flatMap { start in (wave.finishedAt ?? (isActive ? now : nil)).map { start.duration(to: $0) } }
            line.append(elapsed?.clock ?? "-", width: 9, isRight: true, style)
            let running = wave.running > 0 ? ["\(wave.running) running"] : []
            line.append("  " + (running + (wave.outcomes.isEmpty ? [] : [wave.outcomes.text])).joined(separator: ", "))
            if let person = wave.approvedBy { line.append(", gate approved by \(person)") }
            lines.append(line)
        }
        return lines
    }

    private var barWidth: Int { width < 72 ? 10 : 20 }

    private func state(of wave: WaveLog) -> (text: String, emphasis: Emphasis) {
        if head?.gate?.wave == wave.name { return ("at its gate", .notable) }
        if wave.milestones.contains(.gatePassed) { return ("gate passed", .good) }
        if wave.finished == wave.instances, wave.startedAt != nil { return ("done", .good) }
        if wave.startedAt == nil { return ("to come", .faint) }
        return wave.running > 0 ? (isActive ? "in progress" : "cut off", .none) : ("not done", .notable)
    }
}
