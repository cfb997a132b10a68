package import ConvoyFleet
package import ConvoyRun

extension RolloutMachine {
    /// What the driver is to do, in the order given.
    package enum Action: Sendable, Hashable {
        case startWave(String)
        /// Run the wave's `before_wave` hook; answered by ``RolloutMachine/wavePrepared(_:)`` or ``RolloutMachine/waveNotPrepared(_:reason:)``.
        case prepareWave(String)
        /// Answered by ``RolloutMachine/instancesFinished(_:)`` or ``RolloutMachine/instancesNotStarted(_:_:)``.
        case startInstance(String, wave: String)
        /// Roll the instance back to where it started in this run; answered by ``RolloutMachine/rollbacksFinished(_:)`` or
        /// ``RolloutMachine/instancesNotStarted(_:_:)``.
        case rollBackInstance(String, wave: String)
        /// Run the wave's `after_wave` hook; answered by ``RolloutMachine/waveClosed(_:problem:)``.
        case closeWave(String)
        /// Nothing of the wave is in progress any more. Given again after the rollbacks that a failed gate brings.
        case finishWave(String)
        /// Evaluate the gate after the wave; answered by ``RolloutMachine/gatePassed(_:)``, ``RolloutMachine/gateFailed(_:reason:)`` or
        /// ``RolloutMachine/gateNotApproved(_:within:)``.
        case openGate(String)
        /// Stop evaluating it: the run was stopped or halted meanwhile. No answer is awaited.
        case abandonGate(String)
        /// Nothing new starts from here on; rollbacks may.
        case halt(HaltReason)
        /// The operator asked to stop: nothing new starts from here on.
        case stop
        /// The operator asked again: cancel what is in progress, hooks and rollbacks included. They still answer.
        case cancelInstances
        /// The run is over. Always the last action.
        case finish(RunEnding)
    }

    /// A wave as the rules see it.
    package struct Wave: Sendable, Hashable {
        package var name: String
        /// The most instances at a time; nil leaves it to the connection limits.
        package var maxParallel: Int?
        package var stop: StopRules
        package var onFailure: OnFailure
        /// Something must hold after it before the next wave starts.
        package var hasGate: Bool
        /// It has a `before_wave` hook.
        package var needsPreparation: Bool
        /// It has an `after_wave` hook.
        package var needsClosing: Bool
        package var instances: [Member]

        package init(
            name: String,
            maxParallel: Int? = nil,
            stop: StopRules = StopRules(),
            onFailure: OnFailure = .proceed,
            hasGate: Bool = false,
            needsPreparation: Bool = false,
            needsClosing: Bool = false,
            instances: [Member]
        ) {
            self.name = name
            self.maxParallel = maxParallel
            self.stop = stop
            self.onFailure = onFailure
            self.hasGate = hasGate
            self.needsPreparation = needsPreparation
            self.needsClosing = needsClosing
            self.instances = instances
        }

        /// Whether what follows is to learn something from it.
        var guardsWhatFollows: Bool { !stop.isEmpty || hasGate || onFailure == .halt || onFailure == .rollbackWave }
    }

    /// An instance as the rules see it.
    package struct Member: Sendable, Hashable {
        package var name: String
        package var server: String
        /// All that it may hold at once on its server.
        package var connections: Int
        /// Whether migrations may be pending there; false only if a probe found none.
        package var mayBeDue: Bool

        package init(name: String, server: String, connections: Int = 1, mayBeDue: Bool = true) {
            self.name = name
            self.server = server
            self.connections = connections
            self.mayBeDue = mayBeDue
        }
    }

    /// A fact about an instance: its change, or its rollback, ended like this.
    package struct Finish: Sendable, Hashable {
        package var instance: String
        package var outcome: Outcome
        /// Equal for equal failures: ``Failure/fingerprint``.
        package var fingerprint: String?
        /// The run applied or reverted something there that stands. Rollbacks need not say it.
        package var isChanged: Bool

        package init(_ instance: String, _ outcome: Outcome, fingerprint: String? = nil, isChanged: Bool = false) {
            self.instance = instance
            self.outcome = outcome
            self.fingerprint = fingerprint
            self.isChanged = isChanged
        }
    }
}
