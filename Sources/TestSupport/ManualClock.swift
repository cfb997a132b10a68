internal import Synchronization

/// A clock that stands still until a test moves it.
///
///     let clock = ManualClock()
///     async let verdict = keeper.verdict(…)      // sleeps on the clock
///     await clock.sleeper(until: .seconds(30))
///     clock.advance(to: .seconds(30))
public final class ManualClock: Clock {
    /// A time since the clock was made.
    public struct Instant: InstantProtocol {
        public var offset: Duration

        public func advanced(by duration: Duration) -> Instant { Instant(offset: offset + duration) }
        public func duration(to other: Instant) -> Duration { other.offset - offset }
        public static func < (left: Instant, right: Instant) -> Bool { left.offset < right.offset }
    }

    private struct Sleeper {
        var end: Instant
        var continuation: CheckedContinuation<Void, Never>
    }

    private struct State {
        var now = Instant(offset: .zero)
        var lastID = 0
        var sleepers: [Int: Sleeper] = [:]
        var watchers: [(end: Instant, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let state = Mutex(State())

    public init() {}

    public var now: Instant { state.withLock(\.now) }
    public var minimumResolution: Duration { .zero }

    public func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        let id = state.withLock { state in
            state.lastID += 1
            return state.lastID
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let (isOver, watchers) = state.withLock { state in
                    if Task.isCancelled || deadline <= state.now { return (true, [CheckedContinuation<Void, Never>]()) }
                    state.sleepers[id] = Sleeper(end: deadline, continuation: continuation)
                    let watchers = state.watchers.filter { $0.end == deadline }.map(\.continuation)
                    state.watchers.removeAll { $0.end == deadline }
                    return (false, watchers)
                }
                if isOver { continuation.resume() }
                for watcher in watchers { watcher.resume() }
            }
        } onCancel: {
            state.withLock { $0.sleepers.removeValue(forKey: id) }?.continuation.resume()
        }
        try Task.checkCancellation()
    }

    /// Waits until somebody sleeps who wakes at exactly that time.
    public func sleeper(until offset: Duration) async {
        await withCheckedContinuation { continuation in
            let isHere = state.withLock { state in
                let end = Instant(offset: offset)
                if state.sleepers.values.contains(where: { $0.end == end }) { return true }
                state.watchers.append((end, continuation))
                return false
            }
            if isHere { continuation.resume() }
        }
    }

    /// Moves the time on, and wakes those whose time has come.
    public func advance(to offset: Duration) {
        let woken = state.withLock { state in
            state.now = max(state.now, Instant(offset: offset))
            let woken = state.sleepers.filter { $0.value.end <= state.now }
            for id in woken.keys { state.sleepers[id] = nil }
            return woken.values.sorted { $0.end < $1.end }
        }
        for sleeper in woken { sleeper.continuation.resume() }
    }
}
