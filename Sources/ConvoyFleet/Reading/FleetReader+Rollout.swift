internal import ConvoyMigrations
import ConvoyText

extension FleetReader {
    /// A wave and where the file describes it.
    struct ListedWave {
        var wave: Wave
        var mark: YAMLNode.Mark
        /// Where each of `names` stands.
        var nameMarks: [String: YAMLNode.Mark] = [:]
        var gateMark: YAMLNode.Mark?
        var onePerMark: YAMLNode.Mark?
    }

    /// What `rollout` says, with the places of its waves; no waves if it names none.
    struct ListedRollout {
        var waves: [ListedWave] = []
        var checks: [Check] = []
        var hooks = Hooks()
        var window: MaintenanceWindow?

        var value: Rollout {
            var rollout = Rollout(checks: checks, hooks: hooks, window: window)
            if !waves.isEmpty { rollout.waves = waves.map(\.wave) }
            return rollout
        }
    }

    static let rolloutKeys: Set<String> = ["waves", "checks", "hooks", "window"]
    static let stopKeys: Set<String> = ["failures", "failure_percent", "same_failure", "unreachable_percent"]
    private static let selectionKeys = ["select", "names", "percent", "count", "rest"]
    static let waveKeys: Set<String> = Set(selectionKeys).union(["name", "one_per", "max_parallel", "gate", "stop", "on_failure"])

    func rollout(_ field: Field) -> ListedRollout {
        var rollout = ListedRollout()
        guard let section = section(field, "`rollout`", keys: Self.rolloutKeys) else { return rollout }
        if let field = section["checks"] { rollout.checks = checks(field) }
        if let field = section["hooks"] { rollout.hooks = hooks(field) }
        if let field = section["window"] { rollout.window = window(field) }
        if let field = section["waves"] { rollout.waves = waves(field) }
        return rollout
    }

    private func waves(_ field: Field) -> [ListedWave] {
        guard let items = list(field) else { return [] }
        if items.isEmpty { note(field, "`waves` is empty", hint: "list a wave, or remove the key to run all instances as one wave") }
        let waves = items.compactMap(wave)
        wavesAreComplete = waves.count == items.count
        noteRepetitions(waves)
        if wavesAreComplete, let last = waves.last, let mark = last.gateMark {
            note(
                .warning,
                at: mark,
                "the gate of `\(last.wave.name)` has no effect: no wave comes after it",
                hint: "move it to an earlier wave, or remove it; `checks` of `rollout` run on every instance"
            )
        }
        return waves
    }

    private func wave(_ item: Field) -> ListedWave? {
        guard let section = section(item, "a wave", keys: Self.waveKeys) else { return nil }
        if section.lacks("name") { note(at: section.mark, "a wave has no `name`", hint: "give it one, for example canary") }
        let name = self.name(section["name"])
        let title = name.map { "wave `\($0)`" } ?? "a wave"
        let selection = self.selection(section, title)
        let onePer = section["one_per"].flatMap(onePer)
        if let field = section["one_per"], let other = section["percent"] ?? section["count"] {
            note(
                at: field.keyMark,
                "\(title) has both `one_per` and `\(other.key)`",
                hint: "`one_per` already decides how many instances it takes: remove one of them, or write two waves"
            )
        }
        let maxParallel = integer(section["max_parallel"], in: 1...100_000)
        let stop = section["stop"].map(stop) ?? StopRules()
        let onFailure = choice(section["on_failure"], among: OnFailure.allCases.map(\.rawValue)).flatMap(OnFailure.init)
        let gate = section["gate"].flatMap(gate)
        // Without the `one_per` that was meant, it would seem to take what others are to get.
        guard let name, let selection, onePer != nil || section.lacks("one_per") else { return nil }
        var listed = ListedWave(
            wave: Wave(
                name: name,
                selection: selection,
                onePer: onePer,
                maxParallel: maxParallel,
                stop: stop,
                onFailure: onFailure ?? .proceed,
                gate: gate
            ),
            mark: section["name"]?.node.mark ?? section.mark,
            gateMark: gate == nil ? nil : section["gate"]?.keyMark,
            onePerMark: section["one_per"]?.node.mark
        )
        if case .names(let names) = selection, case .sequence(let nodes)? = section["names"]?.node.content {
            listed.nameMarks = Dictionary(zip(names, nodes.map(\.mark))) { first, _ in first }
        }
        return listed
    }

    private func onePer(_ field: Field) -> Wave.OnePer? {
        guard let text = text(field) else { return nil }
        if text == "cohort" { return .cohort }
        let key = text.hasPrefix("label.") ? String(text.dropFirst("label.".count)) : ""
        guard !key.isEmpty, key.unicodeScalars.allSatisfy(SelectorParser.isKeyCharacter) else {
            note(field, "`one_per` must be cohort or a label", hint: "write for example label.region")
            return nil
        }
        guard !Selector.reservedKeys.contains(key) else {
            note(field, "a label cannot be called `\(key)`", hint: "use a label with another name")
            return nil
        }
        return .label(key)
    }

    private func selection(_ section: Section, _ title: String) -> Wave.Selection? {
        let given = Self.selectionKeys.compactMap { section[$0] }.sorted {
            ($0.keyMark.line, $0.keyMark.column) < ($1.keyMark.line, $1.keyMark.column)
        }
        if given.count > 1 {
            let keys = given.map { "`\($0.key)`" }.joined(separator: " and ")
            note(at: given[1].keyMark, "\(title) selects its instances by \(keys)", hint: "use one of them, or write two waves")
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
            if !isRest { note(field, "`rest` can only be true", hint: "remove it") }
            return .rest
        }
    }

    func selector(_ field: Field) -> Selector? {
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

    private func stop(_ field: Field) -> StopRules {
        guard let section = section(field, "`stop`", keys: Self.stopKeys) else { return StopRules() }
        if section.fields.isEmpty, section.refusedKeys.isEmpty {
            note(at: field.keyMark, "`stop` is empty", hint: "write for example {failures: 1}, or remove it")
        }
        return StopRules(
            failures: integer(section["failures"], in: 1...Int.max),
            failurePercent: percent(section["failure_percent"]),
            sameFailure: integer(section["same_failure"], in: 1...Int.max),
            unreachablePercent: percent(section["unreachable_percent"])
        )
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
}
