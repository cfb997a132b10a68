import ArgumentParser
import ConvoyKit
import ConvoyReporting
import ConvoyRun
import ConvoyText

/// `convoy wait`
struct Wait: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Wait until a run has ended, waits at a gate or is halted.",
        usage: "convoy wait [<options>] [<run>]",
        discussion: """
            Only reads the journal; the run is in another process. A run that has ended
            is reported at once.

              convoy wait                            until the active run has ended
              convoy wait --for gate --timeout 2h    until it waits at a gate
              convoy wait 20261122T1234              the run with this id prefix

            The exit code is 0 if the run waits at a gate (--for gate), 75 if the time is
            over, and otherwise that of the run: 2 for a halted one, 130 for an
            interrupted one, 1 for one that was cut off.
            """
    )

    @OptionGroup var journalOptions: JournalOptions

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp(
            "What to wait for. finished: the run has ended; gate: it waits at a gate; halted: a stop rule, a gate or a hook halted it.",
            valueName: "finished|gate|halted"
        )
    )
    var goal = RunGoal.finished

    @Option(help: ArgumentHelp("Longest time to wait, for example 90s or 2h (default: no limit).", valueName: "duration"))
    var timeout: WaitLimit?

    @Argument(help: "Run id or unique prefix, or `latest` (default: the only active run).", completion: .run(or: ["latest"]))
    var run: String?

    func execute() async throws -> CommandExit {
        try await Interruption.handled(clearTerminal: {}) { _ in
            let access = try RunCatalog(journalOptions)
            let journal = try await access.openExisting(for: .reading)
            let record = try await access.run(run, run == nil ? .running : .any, in: journal)
            let result = try await RunWait(access, in: journal).result(of: record.id, for: goal, within: timeout?.duration)
            StandardStreams.error.write(answer(record.id, result) + "\n")
            return code(result)
        }
    }

    private func code(_ result: RunWaitResult) -> CommandExit {
        switch result {
        case .gate: .success
        case .halted: .halted
        case .timedOut: .timedOut
        case .ended(.ended(let ending), let outcomes): CommandExit(ending, outcomes: outcomes.keys)
        case .ended(.running, _), .ended(.cutOff, _): .failed
        }
    }

    private func answer(_ run: RunID, _ result: RunWaitResult) -> String {
        switch result {
        case .gate(let gate):
            let reason = gate.waitingFor.map { ", for \($0.visible)" } ?? ""
            return "run \(run) waits at the gate of wave \(gate.wave.visible)\(reason), since \(gate.openedAt.human)"
        case .halted(let reason): return "run \(run) is halted: \(reason.description.visible)"
        case .timedOut:
            let limit = timeout?.duration.human ?? "the wait"
            let missing = goal == .finished ? "it has not ended" : goal == .gate ? "it waits at no gate" : "it is not halted"
            return "run \(run) is still running after \(limit): \(missing)"
        case .ended(let state, let outcomes):
            var text = "run \(run) "
            if goal == .gate { text += "has ended and waits at no gate: " }
            if goal == .halted, state != .ended(.halted) { text += "has ended and is not halted: " }
            text += state == .cutOff ? "cut off" : state.text
            let counts = outcomes.text
            if !counts.isEmpty { text += ", \(counts)" }
            return text + (state == .cutOff ? "\ncontinue it with `convoy resume \(run)`" : "")
        }
    }
}

extension RunGoal: ExpressibleByArgument {}

/// The value of `--timeout`.
struct WaitLimit: ExpressibleByArgument {
    let duration: Duration

    /// As in `--watch`, a bare number is in seconds.
    init?(argument: String) {
        guard let duration = Duration(text: argument) ?? Duration(text: argument + "s") else { return nil }
        self.duration = duration
    }
}
