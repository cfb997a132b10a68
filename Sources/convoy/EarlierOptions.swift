import ArgumentParser
import ConvoyFleet
import ConvoyKit
import ConvoyReporting
import ConvoyRollout
import ConvoyRun
import ConvoyText

/// Options that choose instances by how an earlier run ended for them.
struct EarlierOptions: ParsableArguments {
    @Flag(
        help: """
            Only instances that did not end well in the newest run. `--failed <run>` takes another run.
            """
    )
    var failed = false

    @Option(help: ArgumentHelp("The same as `--failed <run>`: an id or unique prefix.", valueName: "run"), completion: .run(or: ["latest"]))
    var failedIn: String?

    @Option(
        name: .customLong("outcome"),
        help: ArgumentHelp(
            "Only instances with these outcomes in that run, for example failed,pending. Repeatable.",
            valueName: "outcome"
        ),
        completion: .list(ofWords: Outcome.allCases.map(\.rawValue)),
        transform: OutcomeList.init(argument:)
    )
    var outcomes: [OutcomeList] = []

    /// What was asked for; nil for all instances.
    var request: EarlierOutcomes? {
        guard failed || failedIn != nil || !outcomes.isEmpty else { return nil }
        return EarlierOutcomes(run: failedIn, outcomes: outcomes.isEmpty ? nil : Set(outcomes.flatMap(\.outcomes)))
    }

    /// The same, by that run where one is given.
    func request(in run: RunID?) -> EarlierOutcomes? {
        guard var request else { return nil }
        if let run { request.run = run.description }
        return request
    }

    func validate() throws {
        if failed, failedIn != nil { throw ValidationError("specify either --failed or --failed-in") }
        if failed, !outcomes.isEmpty {
            throw ValidationError(
                "--failed cannot be combined with --outcome: list failed among the outcomes, or name a run: --failed <run>"
            )
        }
    }

    /// Rewrites `--failed <run>` as `--failed-in <run>`: the parser knows no option whose value may be missing.
    ///
    /// No command with this option has arguments of its own, so that a word after it can only be its value.
    static func resolving(_ arguments: [String]) -> [String] {
        guard let command = arguments.first, ["migrate", "plan", "rollback"].contains(command) else { return arguments }
        var resolved: [String] = []
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            if argument == "--" { return resolved + [argument] + rest }
            if argument.hasPrefix("--failed=") {
                resolved.append("--failed-in=" + argument.dropFirst("--failed=".count))
            } else if argument == "--failed", let run = rest.first, !run.hasPrefix("-") {
                resolved += ["--failed-in", run]
                rest.removeFirst()
            } else {
                resolved.append(argument)
            }
        }
        return resolved
    }
}

extension FleetSession {
    /// Prints notes where an earlier run chose none of the selected instances, or some that the fleet no longer has.
    func tell(_ chosen: ChosenInstances, among selection: Selection) {
        let (present, missing) = chosen.among(selection.instances)
        if present.isEmpty { warn("note: \(chosen.emptyWords)\n") }
        guard settings.selector == nil, selection.isComplete, !missing.isEmpty else { return }
        warn("note: \(Overtaking.list(missing)) \(chosen.words), and the fleet no longer has them\n")
    }
}

extension PlanReport.Choice {
    init?(_ planned: PlannedRun) {
        guard let chosen = planned.chosen else { return nil }
        self.init(run: chosen.run.description, outcomes: chosen.outcomes, words: chosen.words, instances: planned.chosenCount)
    }
}
