internal import CWaiting
import ConvoyText
internal import Glibc
internal import Synchronization

/// One thread that waits on sockets for every connection of the process.
///
/// `poll(2)` serves: a run's limits bound the connections. Registrations are one-shot and keyed by a token, never by descriptor, because
/// descriptors are reused.
package final class Reactor: Sendable {
    package static let shared = Reactor()

    package struct Interest: OptionSet, Sendable {
        package let rawValue: Int16

        package init(rawValue: Int16) {
            self.rawValue = rawValue
        }
        package static let readable = Interest(rawValue: Int16(POLLIN))
        package static let writable = Interest(rawValue: Int16(POLLOUT))
    }

    package enum Wakeup: Sendable {
        /// The descriptor is ready, or broken: the next read or write shows which.
        case ready
        case timedOut
        case cancelled
    }

    private struct Registration: Sendable {
        let descriptor: Int32?
        let interest: Interest
        let deadline: ContinuousClock.Instant?
        let continuation: CheckedContinuation<Wakeup, Never>
    }

    private struct State {
        var registrations: [UInt64: Registration] = [:]
        var lastToken: UInt64 = 0
        /// Whether the thread sits in `poll`, or is about to, and has not been interrupted yet.
        var isPolling = false

        /// Whether the caller has to interrupt the thread for it to see what has changed. The first one does it for all.
        mutating func takeInterruption() -> Bool {
            defer { isPolling = false }
            return isPolling
        }
    }

    private let state = Mutex(State())
    /// An eventfd; written to wake the thread.
    private let wakeDescriptor: Int32

    /// Its thread never ends, so there is one in a process, and a few more in tests.
    init(threadName: String = "convoy-reactor") {
        wakeDescriptor = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        detachThread { [self] in
            convoy_name_this_thread(threadName)
            run()
        }
    }

    /// Suspends until the descriptor is ready, ``wake(_:)`` is called, or the deadline has passed.
    ///
    /// - Parameters:
    ///   - descriptor: must stay open meanwhile; nil waits for the other two only.
    ///   - begin: called once, with the wait's token, as soon as ``wake(_:)`` can find it; not at all if the task is cancelled already.
    package func wait(
        on descriptor: Int32? = nil,
        for interest: Interest = [],
        until deadline: ContinuousClock.Instant?,
        cancellation: Cancellation,
        begin: (UInt64) -> Void = { _ in }
    ) async -> Wakeup {
        let token = state.withLock { state in
            state.lastToken += 1
            return state.lastToken
        }
        guard cancellation == .observed else { return await register(token, descriptor, interest, deadline, cancellation, begin) }
        return await withTaskCancellationHandler {
            await register(token, descriptor, interest, deadline, cancellation, begin)
        } onCancel: {
            // Nothing is registered yet when this runs first; then `register` sees the task's flag, which is set before this runs.
            finish(token, .cancelled)
        }
    }

    /// Ends a wait as if its descriptor were ready. Does nothing when it has ended already.
    func wake(_ token: UInt64) {
        finish(token, .ready)
    }

    private func finish(_ token: UInt64, _ wakeup: Wakeup) {
        let (registration, mustInterrupt) = state.withLock { state in
            let registration = state.registrations.removeValue(forKey: token)
            return (registration, registration?.descriptor != nil && state.takeInterruption())
        }
        // As long as the thread sits in `poll` with a descriptor, the kernel keeps that socket open, even when we close it.
        if mustInterrupt { interrupt() }
        registration?.continuation.resume(returning: wakeup)
    }

    private func register(
        _ token: UInt64,
        _ descriptor: Int32?,
        _ interest: Interest,
        _ deadline: ContinuousClock.Instant?,
        _ cancellation: Cancellation,
        _ begin: (UInt64) -> Void
    ) async -> Wakeup {
        await withCheckedContinuation { continuation in
            enum Next { case interrupt, nothing, cancel }
            let next: Next = state.withLock { state in
                if cancellation == .observed, Task.isCancelled { return .cancel }
                state.registrations[token] = Registration(
                    descriptor: descriptor,
                    interest: interest,
                    deadline: deadline,
                    continuation: continuation
                )
                return state.takeInterruption() ? .interrupt : .nothing
            }
            switch next {
            case .cancel:
                continuation.resume(returning: .cancelled)
                return
            case .interrupt: interrupt()
            case .nothing: break
            }
            begin(token)
        }
    }

    private func interrupt() {
        var one: UInt64 = 1
        _ = write(wakeDescriptor, &one, 8)
    }

    private func run() {
        var tokens: [UInt64] = []
        var polled: [pollfd] = []
        while true {
            tokens.removeAll(keepingCapacity: true)
            polled.removeAll(keepingCapacity: true)
            polled.append(pollfd(fd: wakeDescriptor, events: Int16(POLLIN), revents: 0))
            let earliest = state.withLock { state -> ContinuousClock.Instant? in
                var earliest: ContinuousClock.Instant?
                for (token, registration) in state.registrations {
                    tokens.append(token)
                    // Negative ones are passed over.
                    polled.append(pollfd(fd: registration.descriptor ?? -1, events: registration.interest.rawValue, revents: 0))
                    if let deadline = registration.deadline, earliest.map({ deadline < $0 }) ?? true { earliest = deadline }
                }
                state.isPolling = true
                return earliest
            }
            let count = poll(&polled, nfds_t(polled.count), Self.milliseconds(until: earliest))
            // Short of memory: try again, but not at full speed.
            if count < 0, errno != EINTR { usleep(10_000) }
            resumeReady(tokens, polled, anyReady: count > 0)
        }
    }

    private func resumeReady(_ tokens: [UInt64], _ polled: [pollfd], anyReady: Bool) {
        if anyReady, polled[0].revents != 0 {
            var counter: UInt64 = 0
            _ = read(wakeDescriptor, &counter, 8)
        }
        var woken: [(CheckedContinuation<Wakeup, Never>, Wakeup)] = []
        let now = ContinuousClock.now
        state.withLock { state in
            state.isPolling = false
            for (index, token) in tokens.enumerated() {
                // A wait that ended meanwhile, and whose descriptor may belong to another one by now, has left the table.
                guard let registration = state.registrations[token] else { continue }
                if anyReady, polled[index + 1].revents != 0 {
                    woken.append((registration.continuation, .ready))
                } else if let deadline = registration.deadline, deadline <= now {
                    woken.append((registration.continuation, .timedOut))
                } else {
                    continue
                }
                state.registrations[token] = nil
            }
        }
        for (continuation, wakeup) in woken { continuation.resume(returning: wakeup) }
    }

    /// What `poll` takes: rounded up, so that it never spins just before a deadline; -1 for none.
    private static func milliseconds(until deadline: ContinuousClock.Instant?) -> Int32 {
        guard let deadline else { return -1 }
        let (seconds, attoseconds) = (deadline - .now).components
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        return Int32(clamping: min(seconds, 86_400) * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }
}
