import ConvoyDashboard
import ConvoyFleet
import ConvoyKit
import ConvoyMigrations
import ConvoyReporting
import ConvoyRollout
import ConvoyRun
import ConvoyText

/// The commands to run after a run that did not complete.
///
/// Every command here is safe in the state in which it is printed, even if it is run repeatedly. A rollback by steps is never suggested again,
/// because it would revert more migrations on instances that are done: each instance gets the version that its steps lead to.
struct NextSteps {
    /// The options that the run was started with, except its target.
    struct Request {
        var fleetFile: String
        /// Whether a command without `--fleet` reads that file in any shell.
        var isDefaultFleetFile: Bool
        var selector: Selector?
        var waves: [String] = []
        var concurrency: Int?
    }

    var run: RunID
    var plan: RunPlan
    var request: Request
    /// The outcome of each instance; instances that the run did not start are missing.
    var outcomes: [String: Outcome]
    var set: MigrationSet

    /// The command that continues the run itself.
    var resume: ShellCommand { ShellCommand(["convoy", "resume", run.description] + fleetOption) }

    /// The commands that migrate the remaining instances in new runs, and the instances without such a command.
    func afterwards() -> (commands: [ShellCommand], unclear: [String]) {
        switch plan.change {
        case .up(let target):
            var words = ["convoy", "migrate"]
            if let target { words += ["--to", target.description] }
            words += waveOptions
            if let concurrency = request.concurrency { words += ["--concurrency", String(concurrency)] }
            return ([ShellCommand(words + nowOption + selectOption + fleetOption)], [])
        case .down(let target):
            let words = ["convoy", "rollback", "--to", target.description]
            return ([ShellCommand(words + waveOptions + nowOption + selectOption + fleetOption)], [])
        case .undo(let run):
            // What is back already is left alone.
            return ([ShellCommand(["convoy", "rollback", "--run", run] + waveOptions + nowOption + selectOption + fleetOption)], [])
        case .baseline(let version):
            let words = ["convoy", "baseline"] + (version.map { ["--at", $0.description] } ?? [])
            return ([ShellCommand(words + waveOptions + nowOption + selectOption + fleetOption)], [])
        case .repair, .correct:
            let words = ["convoy", "repair"] + (plan.change.target.map { ["--at", $0.description] } ?? []) + correctionOptions
            return ([ShellCommand(words + waveOptions + nowOption + selectOption + fleetOption)], [])
        case .downSteps, .revert:
            return afterSteps()
        }
    }

    /// Steps can lead to a different version on each instance: instances with the same version share a command.
    private func afterSteps() -> (commands: [ShellCommand], unclear: [String]) {
        var unclear: [String] = []
        var names: [MigrationVersion: [String]] = [:]
        for instance in plan.instances where outcomes[instance.name].map({ $0 != .rolledBack && $0 != .upToDate }) ?? true {
            guard let start = instance.start else {
                unclear.append(instance.name)
                continue
            }
            guard let oldest = start.pending.min() else { continue }
            // The migrations older than the oldest step stay applied.
            guard let end = set.migrations.last(where: { $0.version < oldest })?.version, Selector(naming: [instance.name]) != nil else {
                unclear.append(instance.name)
                continue
            }
            names[end, default: []].append(instance.name)
        }
        let commands = names.sorted { $0.key > $1.key }.compactMap { end, names in
            Selector(naming: names).map { selector in
                ShellCommand(["convoy", "rollback", "--to", end.description] + nowOption + ["--select", selector.text] + fleetOption)
            }
        }
        return (commands, unclear)
    }

    private var waveOptions: [String] { request.waves.flatMap { ["--wave", $0] } }

    private var nowOption: [String] { plan.isImmediate ? ["--now"] : [] }

    /// What the operator decided about a repair, besides the version.
    private var correctionOptions: [String] {
        let choices = RepairJudge.Choices(plan)
        return choices.acceptedEdits.sorted().flatMap { ["--accept-edited", $0.description] }
            + choices.forgotten.sorted().flatMap { ["--forget", $0.description] }
    }

    private var selectOption: [String] { request.selector.map { ["--select", $0.text] } ?? [] }

    private var fleetOption: [String] { request.isDefaultFleetFile ? [] : ["--fleet", request.fleetFile] }

    /// The commands on lines of their own, and a note on instances that they do not cover.
    func lines(_ introduction: String) -> String {
        let (commands, unclear) = afterwards()
        var text = commands.isEmpty ? "" : "\(introduction)\n" + commands.map { "  \($0.description.visible)\n" }.joined()
        if !unclear.isEmpty {
            let few = unclear.prefix(5).map(\.visible).joined(separator: ", ") + (unclear.count > 5 ? " and \(unclear.count - 5) more" : "")
            text +=
                "the target version of \(few) is unknown: check `convoy status`, then choose a version with `convoy rollback --to`\n"
        }
        return text
    }
}

extension NextSteps.Request {
    init(_ settings: Settings, _ selector: Selector?, waves: [String] = [], concurrency: Int? = nil) {
        self.init(
            fleetFile: settings.fleetFile,
            isDefaultFleetFile: settings.fleetFile == FleetFileOption.standard && settings.environment[FleetFileOption.variable] == nil,
            selector: selector,
            waves: waves,
            concurrency: concurrency
        )
    }
}
