import ConvoyIO
import ConvoyJournal
import ConvoyRun

extension Worker {
    /// How often it looks at the control database at most because of what it hears: anybody who may connect there can notify.
    private static let leastRound = Duration.milliseconds(50)

    /// Says when it is time to look at the control database, or when there is something new in it.
    nonisolated func watchTheTime() async {
        while !Task.isCancelled {
            let isNew = await news.isThere(within: timing.round, listening: timing.listeningRound)
            mailbox.post(isNew ? .news(isOnlyWork: news.takeIsOnlyWork()) : .round)
            if isNew { try? await Task.sleep(for: Self.leastRound) }
        }
    }

    /// Whether the control database says when there is something new, so that it is asked less often.
    package nonisolated var isHearing: Bool { news.isHearing }

    /// Whether it has not looked for long enough.
    var isRoundDue: Bool {
        guard let lastRound else { return true }
        // A little early: a message that comes just before the time would put it off to the one after it.
        return .now - lastRound >= (isHearing ? timing.listeningRound : timing.round) * 4 / 5
    }
}

extension RunLog {
    /// Whether instances that are not in progress have to wait until the run is resumed.
    var startsNothing: Bool { haltReason != nil || isStopping || isCancelling }
}
