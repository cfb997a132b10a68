internal import Glibc
internal import Synchronization

/// The sessions of the programs that run now: those of secret commands, hooks and gates.
///
/// None of them is our own session, so that they survive the exit of this process: ``endAll()`` comes before each exit.
package enum LiveSessions {
    private struct State {
        /// The places of programs that are being started.
        var starting: Set<Int> = []
        /// The process ids of the sessions' leaders, by place.
        var leaders: [Int: pid_t] = [:]
        var lastPlace = 0
        /// Nothing is started any more.
        var isClosed = false
    }

    private static let state = Mutex(State())

    /// How long programs have to end by themselves.
    private static let grace = Duration.milliseconds(500)
    private static let interval: useconds_t = 20_000

    /// Announces a program that is about to be started.
    ///
    /// - Returns: nil if it must not start, because this process exits.
    static func enter() -> Int? {
        state.withLock { state in
            guard !state.isClosed else { return nil }
            state.lastPlace += 1
            state.starting.insert(state.lastPlace)
            return state.lastPlace
        }
    }

    /// The program has been started.
    static func began(_ leader: pid_t, at place: Int) {
        state.withLock { state in
            guard state.starting.remove(place) != nil else { return }
            state.leaders[place] = leader
        }
    }

    /// Nothing of the program is left, or nothing of it can be ended.
    static func leave(_ place: Int) {
        state.withLock { state in
            state.starting.remove(place)
            state.leaders[place] = nil
        }
    }

    /// Returns at once, but never after ``endAll()`` was called: what was waiting for a program that this process ends must not report it, and perhaps
    /// exit with another code, before the process exits.
    static func holdIfClosed() async {
        while state.withLock(\.isClosed) { await pause(for: .seconds(1), cancellation: .ignored) }
    }

    /// Ends all of them, and lets none begin: SIGTERM first, and half a second later SIGKILL. Only for a process that exits: it blocks the
    /// thread.
    package static func endAll() {
        let deadline = ContinuousClock.now + grace
        var asked: Set<pid_t> = []
        while true {
            let (sessions, isStarting): ([ProcessSession], Bool) = state.withLock { state in
                state.isClosed = true
                return (state.leaders.values.map { ProcessSession(id: $0) }, !state.starting.isEmpty)
            }
            var isEmpty = !isStarting
            let isLate = ContinuousClock.now >= deadline
            for session in sessions {
                let members = session.members()
                if members.isEmpty { continue }
                isEmpty = false
                if isLate {
                    ProcessSession.send(SIGKILL, to: members)
                } else if asked.insert(session.id).inserted {
                    ProcessSession.send(SIGTERM, to: members)
                }
            }
            if isEmpty || isLate { return }
            usleep(interval)
        }
    }
}
