import ConvoyIO
import ConvoyText

extension Worker {
    /// Stops the work on leases that the control database has not confirmed in time: another worker may have them soon. Does nothing while they hold.
    func leasesExpired() {
        guard let end = leaseEnd.instant, end <= .now else { return }
        // What runs is gone before another worker may begin.
        let left = ContinuousClock.now.duration(to: end) + timing.margin - Duration.milliseconds(500)
        if !tasks.isEmpty {
            log("the leases could not be renewed within \(timing.lease.human): the work on \(tasks.count) assignments stops")
            (lastRound, lastRenewal) = (nil, nil)
        }
        for key in tasks.keys { lose(key, leaving: max(.zero, left)) }
        for task in dying.values { task.permit.withdraw(leaving: max(.zero, left)) }
        leaseEnd.set(nil)
    }

    /// Assignments were claimed, by what was begun at that moment.
    func hasClaimed(at moment: ContinuousClock.Instant) {
        leasesExpired()
        if leaseEnd.instant == nil { leaseEnd.set(moment + timing.lease - timing.margin) }
    }
}
