package import ConvoyFleet
import ConvoyIO
package import ConvoyMigrations
package import ConvoyRun
internal import FoundationEssentials

/// Runs the programs of the fleet file: each in a session of its own, which is ended whole when the program ends, is late or is cancelled, so
/// that no process stays behind.
///
///     let instances = targets.instances(of: plan)
///     let hooks = HookRunner(fleet.rollout.hooks, fleet: plan.fleet, instances: instances, environment: environment)
///     if let result = await hooks.run(.beforeRun, for: HookOccasion(run: id, direction: .up)), let problem = result.problem { … }
///
/// A program gets what ``ConvoyIO/ProgramEnvironment`` lets through of this process's environment, and the variables of ``HookVariable``,
/// `CONVOY_LABEL_<KEY>`, and `TRACEPARENT` in a run that is traced. Its standard input is empty.
/// What it leaves running in the background is ended with it; a daemon that makes itself a session of its own stays.
package struct HookRunner: Sendable {
    private let hooks: Hooks
    private let fleet: String
    private let releases: ReleaseList
    /// Hides secrets in what programs write and in what the checks of a server say.
    let mask: SecretMask
    /// For what servers say, as ``ConvoyFleet/KnownSecrets/wordMask``.
    let serverMask: SecretMask
    private let environment: [String: String]
    private let grace: Duration
    private let onLine: (@Sendable (_ line: String) -> Void)?
    private let tracing: HookTracing?

    /// - Parameters:
    ///   - fleet: the fleet's name.
    ///   - releases: of the migration set.
    ///   - instances: whose secrets are hidden in what any of the programs writes.
    ///   - secrets: more texts to mask and to keep from the programs.
    ///   - environment: of this process.
    ///   - grace: between SIGTERM and SIGKILL.
    ///   - tracing: names the span of each program to it; nil if the run is not traced.
    ///   - onLine: is given each line that a program writes as soon as it is whole, fit to be shown. It must not block.
    package init(
        _ hooks: Hooks,
        fleet: String,
        releases: ReleaseList = ReleaseList(),
        instances: [Instance],
        secrets: KnownSecrets = KnownSecrets(),
        environment: [String: String],
        grace: Duration = .seconds(5),
        tracing: HookTracing? = nil,
        onLine: (@Sendable (_ line: String) -> Void)? = nil
    ) {
        self.hooks = hooks
        self.fleet = fleet
        self.releases = releases
        self.grace = grace
        self.tracing = tracing
        self.onLine = onLine
        mask = secrets.mask.adding(instances.flatMap(\.allSecrets))
        serverMask = secrets.wordMask
        self.environment = ProgramEnvironment.variables(of: environment, named: hooks.environment, secrets: secrets.variables)
    }

    /// Whether the fleet file has a hook there.
    package func has(_ point: HookPoint) -> Bool { hooks.commands[point] != nil }

    /// Runs a hook; nil where the fleet file has none there.
    ///
    /// When the task is cancelled, a `before_…` hook is ended, or not started. An `after_…` hook still runs, within its time: what was
    /// stopped before has to be started again. Where the task's `WorkPermit` is withdrawn, every hook is ended, or not started: the
    /// process that has the work now runs them.
    package func run(_ point: HookPoint, for occasion: HookOccasion) async -> HookResult? {
        await perform(point, for: occasion)?.result
    }

    /// The same, and how it ended.
    func perform(_ point: HookPoint, for occasion: HookOccasion) async -> (result: HookResult, ending: Program.Ending)? {
        guard let arguments = hooks.commands[point] else { return nil }
        let outcome: Program.Outcome
        let span = tracing?.next(point, for: occasion)
        switch point {
        case .beforeRun, .beforeWave, .beforeInstance: outcome = await run(arguments, as: point.rawValue, for: occasion, span)
        case .afterRun, .afterWave, .afterInstance:
            outcome = await WorkPermit.uncancelled { await run(arguments, as: point.rawValue, for: occasion, span) }
        }
        let result = HookResult(
            point: point,
            wave: occasion.wave,
            instance: occasion.instance?.name,
            duration: outcome.duration,
            problem: outcome.problem,
            output: outcome.output
        )
        return (result, outcome.ending)
    }

    /// Runs the command of a gate, as a hook runs.
    func runGate(_ arguments: [String], for occasion: HookOccasion) async -> Program.Outcome {
        await run(arguments, as: "gate", for: occasion, occasion.wave.flatMap { tracing?.gate($0) })
    }

    /// - Parameters:
    ///   - name: the value of `CONVOY_HOOK`.
    ///   - span: the value of `TRACEPARENT`.
    private func run(_ arguments: [String], as name: String, for occasion: HookOccasion, _ span: String?) async -> Program.Outcome {
        guard !WorkPermit.isWithdrawn else { return Program.Outcome(ending: .cancelled(ran: false), duration: .zero, output: "") }
        do throws(MissingValue) {
            let filled = try arguments.map { argument throws(MissingValue) in
                try Placeholders.fill(argument) { word throws(MissingValue) in
                    guard let value = occasion.value(of: word, fleet: fleet) else { throw MissingValue(word: word) }
                    return value
                }
            }
            var variables = environment.merging(occasion.environment(fleet: fleet, hook: name, releases: releases)) { $1 }
            if let span { variables[HookTracing.variable] = span }
            let program = Program(
                arguments: filled,
                environment: variables,
                timeout: hooks.timeout,
                grace: grace,
                mask: mask,
                onLine: onLine
            )
            return await program.run()
        } catch {
            return Program.Outcome(ending: .notStarted(error.description), duration: .zero, output: "")
        }
    }

    /// What a program is called in messages: arguments may hold secrets.
    static func name(of arguments: [String]) -> String { arguments.first ?? "" }

    /// What the hook of a point is called in messages.
    func name(of point: HookPoint) -> String { "hook \(point.rawValue) (\(Self.name(of: hooks.commands[point] ?? [])))" }
}

/// A placeholder without a value.
private struct MissingValue: Error, CustomStringConvertible {
    var word: String

    var description: String {
        word.hasPrefix("label.")
            ? "nothing can be filled in for {\(word)}: the instance has no label \(word.dropFirst("label.".count))"
            : "nothing can be filled in for {\(word)} here"
    }
}
