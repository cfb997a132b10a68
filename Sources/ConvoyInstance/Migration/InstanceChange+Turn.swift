internal import ConvoyFleet
internal import ConvoyPostgres
import ConvoyRun

extension InstanceChange {
    /// Opens the sessions of a change. Where no connection is left it waits for its turn, and reports that.
    var turnTakingProbe: InstanceProbe {
        var probe = InstanceProbe(instance: instance, sessionName: sessionName(run: run))
        probe.turnWait = runner.timing.turnWait
        probe.onWait = { [report, name = instance.name] reason in
            report(.instanceWaiting(instance: name, reason: "\(reason); waiting for a free connection"))
        }
        return probe
    }
}
