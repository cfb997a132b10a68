import ConvoyIO
import ConvoyJournal
import ConvoyText

extension Worker {
    /// Renews its leases three times as often as they end, whatever its loop waits for. However long they are, others must see soon that it lives.
    func keepRenewing() async {
        repeat {
            if nextRenewal <= .now { await renew() }
        } while (try? await Task.sleep(for: min(timing.round, timing.lease / 10))) != nil
    }

    func renew() async {
        let begun = ContinuousClock.now
        nextRenewal = begun + min(timing.lease / 3, .seconds(5))
        let record = WorkerRecord(id: id, fleet: fleet, capacity: limits.total, running: busy, isDraining: isDraining)
        do throws(ControlError) {
            let (leases, now) = try await control.renew(record, for: timing.lease)
            if let now { clock.set(now, between: begun, .now) }
            leasesExpired()
            // One that was claimed meanwhile has its own time.
            for lease in leases where isWorking(on: lease) { leaseEnds.set(end(from: begun), for: lease.key) }
            // One that a decision had locked at that moment is renewed soon, and not only when its time is almost over.
            let renewed = Set(leases.map(\.key))
            if tasks.keys.contains(where: { !renewed.contains($0) }) { nextRenewal = .now + timing.round }
            lastSuccess = .now
            if renewalTrouble != nil { log("the control database \(control.place) answers again: the leases are renewed") }
            (isAnnounced, renewalTrouble) = (true, nil)
        } catch {
            nextRenewal = min(nextRenewal, .now + timing.round)
            let words = error.journalError(control.place).description
            if renewalTrouble != words { log("the leases cannot be renewed now: \(words)") }
            renewalTrouble = words
        }
    }

    /// Whether it takes over what another worker has when its lease has expired. While the control database was away the others could not renew either: they
    /// have as long for it as a lease holds, once it is back.
    var mayTakeOver: Bool { control.lastLoss.map { .now - $0 > min(timing.lease, Timing().lease) } ?? true }

    /// When work must stop on what was claimed or renewed by a statement that was sent at a moment.
    func end(from sent: ContinuousClock.Instant) -> ContinuousClock.Instant { sent + timing.lease - timing.margin }

    /// Also on what ends in an orderly way: no other worker may have it until it has ended.
    private func isWorking(on lease: Lease) -> Bool {
        tasks[lease.key]?.lease.attempt == lease.attempt
            || dying.values.contains { $0.lease.key == lease.key && $0.lease.attempt == lease.attempt }
    }

    /// Stops the work on leases that the control database has not confirmed in time: another worker may have them soon. Does nothing while they hold.
    func leasesExpired() {
        let expired = leaseEnds.over()
        guard !expired.isEmpty else { return }
        let count = expired.keys.count { tasks[$0] != nil }
        if count > 0 {
            log("the leases could not be renewed within \(timing.lease.human): the work on \(counted(count, "assignment")) stops")
            (lastRound, nextRenewal) = (nil, .now)
        }
        for (key, end) in expired {
            // What runs is gone before another worker may begin.
            let left = max(.zero, ContinuousClock.now.duration(to: end) + timing.margin - Duration.milliseconds(500))
            lose(key, leaving: left)
            for task in dying.values where task.lease.key == key { task.permit.withdraw(leaving: left) }
            leaseEnds.remove(key)
        }
    }
}
