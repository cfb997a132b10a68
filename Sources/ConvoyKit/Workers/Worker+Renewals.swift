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
            // One that was claimed meanwhile has its own time.
            for lease in leases where tasks[lease.key]?.lease.attempt == lease.attempt { leaseEnds.set(end(from: begun), for: lease.key) }
            if renewalTrouble != nil { log("the leases are renewed again") }
            (isAnnounced, renewalTrouble) = (true, nil)
        } catch {
            nextRenewal = min(nextRenewal, .now + timing.round)
            let words = error.journalError(control.place).description
            if renewalTrouble != words { log("the leases cannot be renewed now: \(words)") }
            renewalTrouble = words
        }
    }

    /// When work must stop on what was claimed or renewed by a statement that was sent at a moment.
    func end(from sent: ContinuousClock.Instant) -> ContinuousClock.Instant { sent + timing.lease - timing.margin }
}
