import ConvoyFleet
import ConvoyIO
import ConvoyRollout
import ConvoyRun
import Testing

/// A wave of instances written `name`, `name@server` or `name@server*connections`.
func wave(
    _ name: String,
    _ instances: String,
    maxParallel: Int? = nil,
    failures: Int? = nil,
    stop: StopRules? = nil,
    onFailure: OnFailure = .proceed,
    gate: Bool = false,
    preparation: Bool = false,
    closing: Bool = false
) -> RolloutMachine.Wave {
    let members = instances.split(separator: " ").map { text in
        let parts = text.split(separator: "*")
        let names = parts[0].split(separator: "@")
        return RolloutMachine.Member(
            name: String(names[0]),
            server: names.count > 1 ? String(names[1]) : "s",
            connections: parts.count > 1 ? Int(parts[1]) ?? 1 : 1
        )
    }
    return RolloutMachine.Wave(
        name: name,
        maxParallel: maxParallel,
        stop: stop ?? StopRules(failures: failures),
        onFailure: onFailure,
        hasGate: gate,
        needsPreparation: preparation,
        needsClosing: closing,
        instances: members
    )
}

/// Tells a new machine the facts, and expects the actions of each. ``RolloutMachine/hear(_:)`` says how facts are written.
func play(
    _ waves: [RolloutMachine.Wave],
    limits: ConnectionLimits = ConnectionLimits(total: 64, perServer: 64),
    resuming past: RolloutMachine.Past = .init(),
    _ steps: [(fact: String, actions: String)],
    sourceLocation: SourceLocation = #_sourceLocation
) {
    var machine = RolloutMachine(waves: waves, limits: limits, resuming: past)
    for (number, step) in steps.enumerated() {
        guard let actions = machine.hear(step.fact) else {
            Issue.record("“\(step.fact)” is not a fact", sourceLocation: sourceLocation)
            return
        }
        let text = actions.map(\.text).joined(separator: ", ")
        #expect(text == step.actions, "step \(number + 1): \(step.fact)", sourceLocation: sourceLocation)
    }
}

extension RolloutMachine {
    /// Tells the machine a fact; nil where the text is not one. What is in brackets may be left out.
    ///
    ///     run started · stop · window closed · window opened · pause SERVER · unpause SERVER · budget SERVER CONNECTIONS|configured
    ///     INSTANCE OUTCOME[+] [#FINGERPRINT][, …]      instances finished together; + for those that the run changed
    ///     returned INSTANCE OUTCOME[, …]               rollbacks finished together
    ///     not-started INSTANCE …  ·  disk full         the driver cannot continue
    ///     prepared WAVE · not-prepared WAVE · closed WAVE · not-closed WAVE · passed WAVE · not-passed WAVE · unapproved WAVE
    mutating func hear(_ fact: String) -> [Action]? {
        let words = fact.split(separator: " ").map(String.init)
        guard words.count >= 2 else { return fact == "stop" ? stopRequested() : nil }
        switch (words[0], words[1]) {
        case ("run", "started"): return runStarted()
        case ("window", "closed"): return windowClosed()
        case ("window", "opened"): return windowOpened()
        case ("disk", "full"): return haltRequested(.journalFailed(reason: "disk full"))
        case ("pause", let server): return serverPaused(server)
        case ("unpause", let server): return serverResumed(server)
        case ("budget", let server): return words.count == 3 ? budgetChanged(server, connections: Int(words[2])) : nil
        case ("not-started", _): return instancesNotStarted(Array(words.dropFirst()), .journalFailed(reason: "disk full"))
        case ("prepared", let wave): return wavePrepared(wave)
        case ("not-prepared", let wave): return waveNotPrepared(wave, reason: "exit code 1")
        case ("closed", let wave): return waveClosed(wave)
        case ("not-closed", let wave): return waveClosed(wave, problem: "exit code 1")
        case ("passed", let wave): return gatePassed(wave)
        case ("not-passed", let wave): return gateFailed(wave, reason: "check failed")
        case ("unapproved", let wave): return gateNotApproved(wave, within: .seconds(7200))
        case ("returned", _): return finishList(String(fact.dropFirst("returned ".count))).map { rollbacksFinished($0) }
        default: return finishList(fact).map { instancesFinished($0) }
        }
    }
}

/// Finishes written `INSTANCE OUTCOME[+] [#FINGERPRINT]`, with commas between them; nil where one is not.
func finishList(_ text: String) -> [RolloutMachine.Finish]? {
    var finishes: [RolloutMachine.Finish] = []
    for part in text.split(separator: ",") {
        let words = part.split(separator: " ").map(String.init)
        guard words.count == 2 || words.count == 3 else { return nil }
        let isChanged = words[1].hasSuffix("+")
        guard let outcome = Outcome(rawValue: isChanged ? String(words[1].dropLast()) : words[1]) else { return nil }
        let fingerprint = words.count == 3 && words[2].hasPrefix("#") ? String(words[2].dropFirst()) : nil
        finishes.append(RolloutMachine.Finish(words[0], outcome, fingerprint: fingerprint, isChanged: isChanged))
    }
    return finishes
}

/// What an earlier process recorded; finishes are written as ``finishList(_:)`` reads them.
func past(
    _ waves: [String: WaveLog.Milestones],
    _ finishes: String = "",
    rollbacks: [String: Outcome] = [:],
    haltReason: HaltReason? = nil
) -> RolloutMachine.Past {
    RolloutMachine.Past(waves: waves, finishes: finishList(finishes) ?? [], rollbacks: rollbacks, haltReason: haltReason)
}

extension RolloutMachine.Action {
    var text: String {
        switch self {
        case .startWave(let wave): "wave \(wave)"
        case .prepareWave(let wave): "prepare \(wave)"
        case .startInstance(let instance, _): "start \(instance)"
        case .rollBackInstance(let instance, _): "return \(instance)"
        case .closeWave(let wave): "close \(wave)"
        case .finishWave(let wave): "end \(wave)"
        case .openGate(let wave): "gate \(wave)"
        case .abandonGate(let wave): "abandon gate \(wave)"
        case .halt(let reason): "halt [\(reason)]"
        case .stop: "stop"
        case .cancelInstances: "cancel"
        case .finish(let status): "finish \(status.rawValue)"
        }
    }
}
