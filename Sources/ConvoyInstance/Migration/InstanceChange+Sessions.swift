import ConvoyFleet
import ConvoyIO
import ConvoyPostgres
import ConvoyRun

/// The sessions of a change, and the advisory lock.
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

    /// Polls the lock up to `lock_wait`, then throws `lock-busy` with its holder.
    func acquireLock(_ cancellation: Cancellation = .observed) async throws(Failure) {
        let connection = try openConnection()
        let deadline = ContinuousClock.now + settings.lockWait
        try await discardForeignSettings(connection)
        try await endSessionsOfAnEarlierProcess(connection)
        var isToldToWait = false
        while true {
            do {
                let answer = try await connection.query(AdvisoryLock.acquisition, timeout: InstanceProbe.silenceTimeout).onlyRow()
                if try answer.bool("acquired") { return session.lockTaken() }
                guard !isCancelled(cancellation) else { throw Failure(.interrupted, "interrupted while waiting for the advisory lock") }
                let holders = LockHolder.list(try await connection.query(AdvisoryLock.holders, timeout: InstanceProbe.silenceTimeout))
                guard ContinuousClock.now < deadline else {
                    throw Failure(busy: "another session holds the advisory lock of this database", holders)
                }
                if !isToldToWait {
                    isToldToWait = true
                    let who = holders.first?.description ?? "another session"
                    report(
                        .instanceWaiting(
                            instance: instance.name,
                            reason: "\(who) holds the advisory lock",
                            facts: WaitFacts(blockers: holders)
                        )
                    )
                }
            } catch let error as PostgresError {
                throw Failure(error, doing: "taking the advisory lock", settings: settings)
            } catch let failure as Failure {
                throw failure
            } catch {
                throw Failure(.failed, "taking the advisory lock: \(error)")
            }
            let remaining = deadline - .now
            await pause(for: min(.milliseconds(Int.random(in: 100...300)), max(remaining, .milliseconds(1))), cancellation: cancellation)
        }
    }

    /// Rids a pool's session of what an earlier client has left: settings, and statements under the names that Convoy gives its own.
    func discardForeignSettings(_ connection: PostgresConnection) async throws(Failure) {
        guard facts?.isPooled == true else { return }
        do {
            try await connection.query("DISCARD ALL", timeout: InstanceProbe.silenceTimeout)
        } catch {
            throw Failure(error, doing: "preparing the session", settings: settings)
        }
    }

    private func isCancelled(_ cancellation: Cancellation) -> Bool { cancellation == .observed && Task.isCancelled }

    /// Unlocks and closes. When the answer is in doubt, closing is what frees the lock.
    func release() async {
        if session.lock == .held, let connection {
            connection.cancellation = .ignored
            _ = try? await connection.query(AdvisoryLock.release, timeout: .seconds(5))
        }
        if session.lock == .inDoubt { await endLeftovers() }
        await connection?.end(serverPID: facts?.identity?.backendPID)
        await admin?.connection.end(serverPID: admin?.identity.backendPID)
    }
}
