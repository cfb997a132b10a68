internal import ConvoyMigrations
import ConvoyText

extension FleetReader {
    /// Reports waves that take nothing, or whose instances an earlier wave takes. Without discovery the file decides it; with it, only a
    /// run can.
    func check(_ waves: [ListedWave], against listed: [ListedInstance], canDiscover: Bool) {
        let rest = waves.firstIndex { $0.wave.selection == .rest && $0.wave.onePer == nil } ?? waves.count
        for wave in waves.dropFirst(rest + 1) {
            note(
                at: wave.mark,
                "wave `\(wave.wave.name)` selects nothing: the earlier wave `\(waves[rest].wave.name)` takes the rest",
                hint: "move it before that wave"
            )
        }
        guard !canDiscover, instancesAreComplete, wavesAreComplete, !listed.isEmpty else { return }

        // A run does not work on skipped instances; their names are known all the same.
        let skipped = listed.map(\.instance).filter { $0.skip != nil }
        let listed = listed.filter { $0.instance.skip == nil }
        guard !listed.isEmpty else { return }
        let instances = listed.map(\.instance)
        // Cohorts are not known yet, so a wave of one instance per cohort takes none here and leaves to later waves at least what it will
        // leave in a run: a wave that has nothing to take here has nothing to take there.
        let choice = WaveChoice(waves: waves.map(\.wave), instances: instances, cohorts: [:])
        let known = Set((instances + skipped).map(\.name))
        let vocabulary = SelectionVocabulary(instances + skipped)
        for (index, wave) in waves.enumerated() where index <= rest {
            noteUnknownLabel(of: wave, instances + skipped)
            // A wave that gets nothing is reported as empty.
            var misses: [SelectorMiss] = []
            if case .selector(let selector) = wave.wave.selection { misses = selector.misses(in: vocabulary) }
            if !choice.leftFor[index].isEmpty {
                for miss in misses {
                    note(miss.isName ? .error : .warning, at: wave.mark, "wave `\(wave.wave.name)`: \(miss.message)", hint: miss.hint)
                }
            }
            // That a canary with one of each kind takes some of what a later wave means is its purpose.
            let repeated = choice.takenBefore[index].filter { choice.waveOfInstance[$0].map { waves[$0].wave.onePer == nil } ?? false }
            if case .names(let names) = wave.wave.selection, !known.isSuperset(of: names) {
                noteUnknown(names, of: wave, among: known)
            } else if choice.leftFor[index].isEmpty, choice.takenBefore[index].isEmpty, wave.wave.names(oneOf: skipped) {
                note(.warning, at: wave.mark, "wave `\(wave.wave.name)` selects only skipped instances", hint: "a run leaves the wave out")
            } else if choice.leftFor[index].isEmpty {
                noteEmpty(
                    wave,
                    isTaken: !choice.takenBefore[index].isEmpty,
                    isMistake: choice.takenBefore[index].count == repeated.count,
                    miss: misses.first
                )
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
        let open = Set(waves.indices.filter { waves[$0].wave.onePer == .cohort }.flatMap { choice.leftFor[$0] })
        let left = choice.waveOfInstance.indices.filter { choice.waveOfInstance[$0] == nil && !open.contains($0) }
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
            note(at: wave.nameMarks[name] ?? wave.mark, "unknown instance `\(name)`", hint: suggestion(for: name, among: known))
        }
    }

    private func noteUnknownLabel(of wave: ListedWave, _ instances: [Instance]) {
        guard case .label(let key)? = wave.wave.onePer, !instances.contains(where: { $0.labels[key] != nil }) else { return }
        note(
            at: wave.onePerMark,
            "no instance has a label `\(key)`",
            hint: suggestion(for: key, among: Set(instances.flatMap(\.labels.keys)))
        )
    }

    /// How many instances there are decides whether a share of them is anything; a selector that nothing fits is a mistake.
    private func noteEmpty(_ wave: ListedWave, isTaken: Bool, isMistake: Bool, miss: SelectorMiss?) {
        let reason = isTaken ? "earlier waves take all instances that it selects" : miss?.message ?? "no matching instance is left"
        let severity: Problem.Severity =
            switch wave.wave.selection {
            case .selector, .names: isMistake ? .error : .warning
            case .count, .percent, .rest: .warning
            }
        let hint = (isTaken ? nil : miss?.hint) ?? "change what it selects, or remove it"
        note(severity, at: wave.mark, "wave `\(wave.wave.name)` selects nothing: \(reason)", hint: hint)
    }
}

extension Wave {
    /// Whether what it selects, by a selector or by name, is among these instances.
    fileprivate func names(oneOf instances: [Instance]) -> Bool {
        switch selection {
        case .selector(let selector): instances.contains(where: selector.matches)
        case .names(let names): instances.contains { names.contains($0.name) }
        case .count, .percent, .rest: false
        }
    }
}
