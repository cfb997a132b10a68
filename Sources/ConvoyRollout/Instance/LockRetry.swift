import ConvoyMigrations

/// When to try again after a migration did not get a lock (55P03) or lost a deadlock (40P01), and how long to wait for locks then.
///
/// Most attempts wait less than the server's `deadlock_timeout`, so that Convoy yields and not the app; every fifth waits about twice as long, which is
/// what makes autovacuum step aside.
struct LockRetry: Sendable {
    /// What the fleet file or the migration's file asks for.
    var lockTimeout: Duration
    let deadlockTimeout: Duration
    /// After this long there is no other attempt.
    let lockWait: Duration
    private(set) var attempts = 0

    init(lockTimeout: Duration, deadlockTimeout: Duration, lockWait: Duration) {
        self.lockTimeout = lockTimeout
        self.deadlockTimeout = deadlockTimeout
        self.lockWait = lockWait
    }

    /// How long the statements of the attempt to come wait for a lock; never zero, which would be for ever, and never longer than the operator would.
    var currentLockTimeout: Duration {
        if attempts > 0, attempts.isMultiple(of: 5), deadlockTimeout * 2 <= lockWait { return deadlockTimeout * 2 }
        return max(.milliseconds(1), min(lockTimeout, deadlockTimeout * 4 / 5))
    }

    /// Notes a failed attempt.
    ///
    /// - Parameters:
    ///   - elapsed: since the first attempt.
    ///   - jitter: between 0 and 1.
    /// - Returns: how long to pause before the next one; nil when the retries are used up.
    mutating func attemptFailed(elapsed: Duration, jitter: Double) -> Duration? {
        attempts += 1
        guard elapsed < lockWait else { return nil }
        let ceiling = min(Duration.seconds(2), .milliseconds(100) * (1 << min(attempts, 5)))
        return min(ceiling / 2 + ceiling / 2 * jitter, lockWait - elapsed)
    }
}
