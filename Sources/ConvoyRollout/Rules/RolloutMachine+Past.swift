package import ConvoyRun

extension RolloutMachine {
    /// What an earlier process recorded of the run, for the process that resumes it.
    package struct Past: Sendable, Hashable {
        /// The milestones of each wave that was started, by name.
        package var waves: [String: WaveLog.Milestones]
        /// How instances ended, in order; one may occur again. Those whose last outcome is not ``Outcome/isSettled`` are started again. So is
        /// what was started and did not finish: it need not be here, but where it is known to be changed it should, as `interrupted`,
        /// so that a rollback of the wave does not forget it.
        package var finishes: [Finish]
        /// How rollbacks ended, by instance. Those whose outcome is not ``Outcome/isSettled`` are tried again.
        package var rollbacks: [String: Outcome]
        /// Why the run was halted. It then stays halted, and only the rollbacks that it still owes continue. Nil tries again what halted
        /// it: a hook, a gate, the journal, an instance whose outcome was unknown. Do not use nil for a wave with `on_failure: rollback`,
        /// which may be rolled back in part. A stop rule that is broken by settled instances halts again in any case.
        package var haltReason: HaltReason?

        /// By default of a run that has just begun.
        package init(
            waves: [String: WaveLog.Milestones] = [:],
            finishes: [Finish] = [],
            rollbacks: [String: Outcome] = [:],
            haltReason: HaltReason? = nil
        ) {
            self.waves = waves
            self.finishes = finishes
            self.rollbacks = rollbacks
            self.haltReason = haltReason
        }
    }
}
