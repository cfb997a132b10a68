import ConvoyMigrations
import ConvoyRun
import ConvoyText

/// When to try again after a migration did not get a lock (55P03) or lost a deadlock (40P01), and how long to wait for locks then.
///
/// An attempt never waits longer than `lock_timeout`, and less than the server's `deadlock_timeout`: the app's writers queue behind it for that long,
/// and Convoy yields before one of them is hit. Only where autovacuum was seen to hold the lock, and the fleet file asks for it, an attempt waits
/// longer, which is what makes autovacuum step aside.
struct LockRetry: Sendable {
    /// What the fleet file or the migration's file asks for.
    var lockTimeout: Duration
    let deadlockTimeout: Duration
    /// After this long there is no other attempt.
    let lockWait: Duration
    /// `autovacuum_wait`; zero waits no longer for autovacuum than for others.
    var autovacuumWait = Duration.zero
    /// Whether nothing but autovacuum was seen to hold the lock.
    var isBehindAutovacuum = false
    private(set) var attempts = 0
    private var hadExtra = false

    init(lockTimeout: Duration, deadlockTimeout: Duration, lockWait: Duration, autovacuumWait: Duration = .zero) {
        self.lockTimeout = lockTimeout
        self.deadlockTimeout = deadlockTimeout
        self.lockWait = lockWait
        self.autovacuumWait = autovacuumWait
    }

    /// How long the statements of the attempt to come wait for a lock; never zero, which would be for ever.
    var currentLockTimeout: Duration {
        let timeout = max(.milliseconds(1), min(lockTimeout, deadlockTimeout * 4 / 5))
        return isBehindAutovacuum ? max(timeout, autovacuumWait) : timeout
    }

    /// How often to ask who holds the lock during the attempt to come; nil before the first one has failed.
    var urgency: Duration? {
        attempts == 0 ? nil : max(.milliseconds(2), min(currentLockTimeout / 8, .milliseconds(100)))
    }

    /// Notes a failed attempt.
    ///
    /// - Parameters:
    ///   - elapsed: since the first attempt.
    ///   - jitter: between 0 and 1.
    ///   - holders: who was seen to hold the lock. As long as that is not known, there is one more attempt than the time allows, to find out.
    /// - Returns: how long to pause before the next one; nil when the retries are used up.
    mutating func attemptFailed(elapsed: Duration, jitter: Double, holders: [LockHolder]) -> Duration? {
        attempts += 1
        isBehindAutovacuum = !holders.isEmpty && holders.allSatisfy { $0.kind == .autovacuum }
        guard elapsed < lockWait else {
            guard holders.isEmpty, !hadExtra else { return nil }
            hadExtra = true
            return .milliseconds(1)
        }
        let ceiling = min(Duration.seconds(2), .milliseconds(100) * (1 << min(attempts, 5)))
        return min(ceiling / 2 + ceiling / 2 * jitter, lockWait - elapsed)
    }
}
