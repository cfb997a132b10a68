internal import ConvoyMigrations

extension FleetReader {
    /// A wave and where the file describes it.
    struct ListedWave {
        var wave: Wave
        var mark: YAMLNode.Mark
        /// Where each of `names` stands.
        var nameMarks: [String: YAMLNode.Mark] = [:]
        /// `one_per` needs the databases to tell which instances a wave takes.
        var isDecidedLater: Bool
    }

    private static let rolloutKeys: Set<String> = ["waves", "checks", "hooks", "window"]
    private static let selectionKeys = ["select", "names", "percent", "count", "rest"]
    private static let waveKeys: Set<String> = Set(selectionKeys).union(["name", "one_per", "max_parallel", "gate", "stop", "on_failure"])

    /// Reads `rollout`; no waves where it names none.
    func rollout(_ field: Field) -> [ListedWave] {
        guard let section = section(field, "`rollout`", keys: Self.rolloutKeys) else { return [] }
        if let field = section["checks"] { checks(field, of: "`rollout`") }
        if let field = section["hooks"] { hooks(field) }
        if let field = section["window"] { window(field) }
        guard let field = section["waves"], let items = list(field) else { return [] }
        if items.isEmpty { note(field, "`waves` is empty", hint: "list a wave, or take the key out: then it is one wave of everything") }
        let waves = items.compactMap(wave)
        wavesAreComplete = waves.count == items.count
        noteRepetitions(waves)
        return waves
    }

    private func wave(_ item: Field) -> ListedWave? {
        guard let section = section(item, "a wave", keys: Self.waveKeys) else { return nil }
        if section.lacks("name") { note(at: section.mark, "a wave has no `name`", hint: "give it one, for example canary") }
        let name = self.name(section["name"])
        let title = name.map { "wave `\($0)`" } ?? "a wave"
        let selection = self.selection(section, title)
        let maxParallel = integer(section["max_parallel"], in: 1...100_000)
        let stop = section["stop"].map { self.stop($0, title) } ?? StopRules()
        if let field = section["gate"] { gate(field, title) }
        if let field = section["on_failure"], let word = choice(field, among: ["continue", "halt", "rollback"]), word != "continue" {
            noteUnsupported(field, of: title)
        }
        if let field = section["one_per"] { onePer(field, title) }
        guard let name, let selection else { return nil }
        let wave = Wave(name: name, selection: selection, maxParallel: maxParallel, stop: stop)
        var listed = ListedWave(wave: wave, mark: section["name"]?.node.mark ?? section.mark, isDecidedLater: section["one_per"] != nil)
        if case .names(let names) = selection, case .sequence(let nodes)? = section["names"]?.node.content {
            listed.nameMarks = Dictionary(zip(names, nodes.map(\.mark))) { first, _ in first }
        }
        return listed
    }

    private func selection(_ section: Section, _ title: String) -> Wave.Selection? {
        let given = Self.selectionKeys.compactMap { section[$0] }.sorted {
            ($0.keyMark.line, $0.keyMark.column) < ($1.keyMark.line, $1.keyMark.column)
        }
        if given.count > 1 {
            let keys = given.map { "`\($0.key)`" }.joined(separator: " and ")
            note(at: given[1].keyMark, "\(title) chooses its instances by \(keys)", hint: "one of them is enough; make two waves of it")
            return nil
        }
        guard let field = given.first else { return .rest }
        switch field.key {
        case "select": return selector(field).map { .selector($0) }
        case "names":
            guard let items = list(field) else { return nil }
            if items.isEmpty { note(field, "`names` is empty", hint: "name at least one instance") }
            let names = items.compactMap { name($0) }
            return names.isEmpty || names.count < items.count ? nil : .names(names)
        case "percent": return percent(field).map { .percent($0) }
        case "count": return integer(field, in: 1...Int.max).map { .count($0) }
        default:
            guard let isRest = bool(field) else { return nil }
            if !isRest { note(field, "`rest` can only be true", hint: "take it out") }
            return .rest
        }
    }

    private func selector(_ field: Field) -> Selector? {
        guard let text = expanded(field)?.text else { return nil }
        do {
            return try Selector(parsing: text)
        } catch {
            var mark = field.node.mark
            if case .scalar(let scalar) = field.node.content, scalar.isVerbatim, scalar.text == text {
                mark.column += error.column - (scalar.isPlain ? 1 : 0)
            }
            note(at: mark, error.message, text: field.shownText, hint: error.hint)
            return nil
        }
    }

    private func stop(_ field: Field, _ title: String) -> StopRules {
        guard let section = section(field, "`stop`", keys: ["failures", "failure_percent", "same_failure", "unreachable_percent"]) else {
            return StopRules()
        }
        if section.fields.isEmpty {
            note(at: field.keyMark, "`stop` says nothing", hint: "write for example {failures: 1}, or take it out")
        }
        for key in ["failure_percent", "unreachable_percent"] {
            if let field = section[key], percent(field) != nil { noteUnsupported(field, of: title) }
        }
        if let field = section["same_failure"], integer(field, in: 1...Int.max) != nil { noteUnsupported(field, of: title) }
        return StopRules(failures: integer(section["failures"], in: 1...Int.max))
    }

    private func noteRepetitions(_ waves: [ListedWave]) {
        var lines: [String: Int] = [:]
        for wave in waves {
            if let line = lines[wave.wave.name] {
                note(at: wave.mark, "two waves are called `\(wave.wave.name)`", hint: "the first one is on line \(line)")
            } else {
                lines[wave.wave.name] = wave.mark.line
            }
        }
    }

    // MARK: What waves take

    /// Tells which waves take nothing, or what another takes first. Without discovery the file says it all; with it, only a run can know.
    func check(_ waves: [ListedWave], against listed: [ListedInstance], canDiscover: Bool) {
        let rest = waves.firstIndex { if case .rest = $0.wave.selection { !$0.isDecidedLater } else { false } } ?? waves.count
        for wave in waves.dropFirst(rest + 1) {
            note(
                at: wave.mark,
                "wave `\(wave.wave.name)` selects nothing: `\(waves[rest].wave.name)` before it takes the rest",
                hint: "put it before that one"
            )
        }
        guard !canDiscover, instancesAreComplete, wavesAreComplete, !listed.isEmpty, !waves.contains(where: \.isDecidedLater) else {
            return
        }

        let instances = listed.map(\.instance)
        let choice = WaveChoice(waves: waves.map(\.wave), instances: instances)
        let known = Set(instances.map(\.name))
        var counts = Array(repeating: 0, count: waves.count)
        for case let wave? in choice.waveOfInstance { counts[wave] += 1 }
        for (index, wave) in waves.enumerated() where index <= rest {
            let repeated = choice.takenBefore[index]
            if case .names(let names) = wave.wave.selection, !known.isSuperset(of: names) {
                noteUnknown(names, of: wave, among: known)
            } else if counts[index] == 0 {
                noteEmpty(wave, isTaken: !repeated.isEmpty)
            } else if let first = repeated.first, let earlier = choice.waveOfInstance[first] {
                let others = repeated.count == 1 ? "" : " and \(repeated.count - 1) more"
                note(
                    .warning,
                    at: wave.mark,
                    "wave `\(wave.wave.name)` also selects `\(instances[first].name)`\(others), taken by earlier waves such as `\(waves[earlier].wave.name)`",
                    hint: "an instance belongs to the first wave that selects it"
                )
            }
        }
        let left = choice.waveOfInstance.indices.filter { choice.waveOfInstance[$0] == nil }
        if let first = left.first, !waves.isEmpty {
            let others = left.count == 1 ? "" : " and \(left.count - 1) more"
            note(
                .warning,
                at: listed[first].mark,
                "no wave selects `\(instances[first].name)`\(others): left pending",
                hint: "a last wave without `select` takes the rest"
            )
        }
    }

    private func noteUnknown(_ names: [String], of wave: ListedWave, among known: Set<String>) {
        for name in names where !known.contains(name) {
            note(at: wave.nameMarks[name] ?? wave.mark, "there is no instance `\(name)`", hint: suggestion(for: name, among: known))
        }
    }

    /// How many instances there are decides whether a share of them is anything; a selector that nothing fits is a mistake.
    private func noteEmpty(_ wave: ListedWave, isTaken: Bool) {
        let reason = isTaken ? "earlier waves take all that it means" : "no instance is meant or left"
        let severity: Problem.Severity =
            switch wave.wave.selection {
            case .selector, .names: .error
            case .count, .percent, .rest: .warning
            }
        note(severity, at: wave.mark, "wave `\(wave.wave.name)` selects nothing: \(reason)", hint: "change what it selects, or take it out")
    }
}
