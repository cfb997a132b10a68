import ConvoyFleet
import ConvoyIO
import ConvoyRun
import ConvoyText

extension RunDriver {
    /// Begins to evaluate the gate after a wave.
    mutating func openGate(_ name: String, in group: inout DiscardingTaskGroup) {
        guard let wave = plan.waves.first(where: { $0.name == name }), let gate = targets.gate(of: wave) else {
            return mailbox.post(.gateEnded(wave: name, .passed))
        }
        let (stream, approve) = AsyncStream.makeStream(of: String.self)
        let (abandoned, abandon) = AsyncStream.makeStream(of: Never.self)
        self.gate = (name, approve, abandon)
        let soaked = past?.soakedSeconds(name) ?? 0
        let context = RunSurroundings.GateContext(
            gate: gate,
            run: id,
            change: plan.change,
            wave: name,
            instances: targets.instances(in: [wave]).filter { log.instance($0.name)?.lastResult?.outcome.isGood == true },
            soaked: Duration(clampingSeconds: soaked),
            approvals: stream,
            report: { [coordinator, mailbox] kind in mailbox.post(.event(Event(at: coordinator.now(), kind))) }
        )
        group.addTask { [coordinator, mailbox] in
            let verdict = await withTaskGroup(of: GateKeeper.Verdict.self) { race in
                race.addTask { await coordinator.surroundings.passGate(context) }
                race.addTask {
                    for await _ in abandoned {}
                    return .cancelled
                }
                let first = await race.next() ?? .cancelled
                race.cancelAll()
                return first
            }
            mailbox.post(.gateEnded(wave: name, verdict))
        }
    }
}
