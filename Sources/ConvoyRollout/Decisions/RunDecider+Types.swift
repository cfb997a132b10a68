package import ConvoyFleet
package import ConvoyRun
package import FoundationEssentials

extension RunDecider {
    /// What the decisions about a run follow from, besides its events. It is equal in every process that works on the run.
    package struct Terms: Sendable {
        package let plan: RunPlan
        package let id: RunID
        package let limits: ConnectionLimits
        /// The points that have a hook.
        package let hookPoints: Set<HookPoint>
        /// Whether work is begun only inside a maintenance window.
        package let hasWindow: Bool
        /// Whether several processes decide, and each learns from the events what the others have decided. Then everything that a rule depends
        /// on is an event.
        package let isShared: Bool
        /// The servers that several instances share, sorted: only there one instance can take another's slot.
        package let watchedServers: [String]
        let watched: Set<String>
        /// The waves as the rules see them.
        let waves: [RolloutMachine.Wave]

        /// - Parameter connections: what an instance may hold at once on its server: ``InstanceInspector/connections(for:)``.
        package init(
            _ plan: RunPlan,
            on targets: RunTargets,
            id: RunID,
            hookPoints: Set<HookPoint> = [],
            hasWindow: Bool = false,
            isShared: Bool,
            connections: (Instance) -> Int
        ) {
            self.plan = plan
            self.id = id
            limits = targets.limits
            self.hookPoints = hookPoints
            self.hasWindow = hasWindow
            self.isShared = isShared
            waves = RolloutMachine.waves(of: plan, on: targets, hookPoints: hookPoints, connections: connections)
            var counts: [String: Int] = [:]
            for wave in waves { for member in wave.instances { counts[member.server, default: 0] += 1 } }
            watchedServers = counts.filter { $0.value > 1 }.keys.sorted()
            watched = Set(watchedServers)
        }
    }

    /// Something that happened outside of the rules.
    package enum Fact: Sendable {
        /// Something happened in an instance or a gate in progress. It changes no decision.
        case event(Event)
        indirect case instanceFinished(String, InstanceResult, at: Date)
        indirect case rollbackFinished(String, InstanceResult, at: Date)
        indirect case hookFinished(HookResult)
        case gateEnded(wave: String, GateKeeper.Verdict)
        /// The operator asked to stop.
        case stopRequested
        case requested(OperatorRequest.Kind, by: String)
        /// How many connections the server has for the run; nil where it could not be asked.
        case slots(server: String, available: Int?)
        /// How many connections the run may hold there, as another process has decided.
        case budget(server: String, connections: Int)
        /// Nil is open.
        case window(closedUntil: Date?)
    }

    /// What one turn led to. The events are to be durable before the work begins.
    package struct Turn: Sendable {
        /// What happened, in order. ``RunDecider/log`` has them already.
        package var events: [Event] = []
        /// What is to be begun now, in order.
        package var begins: [Work] = []
        /// What is not awaited any more, whether it was begun or not. No answer is awaited.
        package var withdraws: [Work] = []
        /// The approvals that gates in progress, or begun in this turn, are to be given.
        package var approvals: [Approval] = []
        /// Everything in progress is to be cancelled at once, hooks and rollbacks included; it still answers. What is begun later is cancelled too.
        package var cancelsAll = false
        /// How the run ends, in the turn in which nothing of it is left to do.
        package var ending: RunEnding?

        /// Whether nothing follows from it.
        package var isEmpty: Bool {
            events.isEmpty && begins.isEmpty && withdraws.isEmpty && approvals.isEmpty && !cancelsAll && ending == nil
        }
    }

    /// A person lets a gate pass.
    package struct Approval: Sendable, Hashable {
        package var wave: String
        /// As `user@host`.
        package var by: String
    }

    /// The events of a turn are not those that the rules of this process give.
    package struct ReplayError: Error, Sendable, Hashable, CustomStringConvertible {
        /// What was recorded; nil where nothing was.
        package var recorded: String?
        /// What the rules give; nil where they give nothing.
        package var expected: String?

        package var description: String {
            "the run's record has \(recorded ?? "no event") where the rules of this program give \(expected ?? "none")"
        }
    }

    /// What is left to do about `before_run`.
    enum BeforeRunHook {
        /// There is no hook, it ran in an earlier process, or the run ends without it.
        case notNeeded
        /// It is due as soon as the maintenance window opens.
        case awaitsWindow
        /// It begins at the end of this turn.
        case due
        case started
    }
}
