import ConvoyIO
import ConvoyPostgres
package import ConvoyRun
import ConvoyText
internal import Synchronization

/// Hears what other processes have written into a control database, so that it need not be asked often.
///
/// It has a session of its own: one that waits in LISTEN can do nothing else. Whether notifications arrive is tried with one of its own, sent over
/// another session; behind a pooler in transaction mode none does, and those who wait ask as often as without it.
package final class ControlListener: Sendable {
    /// When it tries what.
    package struct Timing: Sendable {
        /// After how long a silence it tries whether it still hears; up to twice as long, so that processes seldom try together.
        package var silence = Duration.seconds(60)
        /// How soon its own notification must arrive.
        package var answer = Duration.seconds(5)
        /// Before a session that was lost is opened anew.
        package var retry = Duration.seconds(1)

        package init() {}
    }

    private struct State {
        var isHearing = false
        var subscriptions: [Int: Subscriber] = [:]
        var lastID = 0
        var task: Task<Void, Never>?
    }

    private struct Subscriber {
        var run: String?
        var worker: String?
        var bell: Bell
        var moreThanWork: Flag
    }

    /// Whether something else than work to take was heard of.
    fileprivate final class Flag: Sendable {
        private let value = Mutex(false)

        func withLock<Result: Sendable>(_ body: (inout Bool) -> Result) -> Result { value.withLock { body(&$0) } }
    }

    private let control: ControlDatabase
    private let timing: Timing
    private let state = Mutex(State())

    package init(_ control: ControlDatabase, timing: Timing = Timing()) {
        (self.control, self.timing) = (control, timing)
    }

    /// Whether notifications arrive, as far as was tried lately.
    package var isHearing: Bool { state.withLock(\.isHearing) }

    /// What is new from now on.
    ///
    /// - Parameters:
    ///   - run: nil is every run.
    ///   - worker: what this worker has written itself is nothing new.
    package func news(of run: RunID? = nil, except worker: String? = nil) -> ControlSubscription {
        let (bell, moreThanWork) = (Bell(), Flag())
        let id = state.withLock { state in
            state.lastID += 1
            state.subscriptions[state.lastID] = Subscriber(
                run: run?.description,
                worker: worker,
                bell: bell,
                moreThanWork: moreThanWork
            )
            return state.lastID
        }
        return ControlSubscription(self, bell, moreThanWork) { [weak self] in
            self?.state.withLock { state in _ = state.subscriptions.removeValue(forKey: id) }
        }
    }

    /// Listens in a task of its own, until ``stop()``: those who wait come and go. Further calls do nothing.
    func start() {
        state.withLock { state in if state.task == nil { state.task = Task { await self.run() } } }
    }

    func stop() {
        let task = state.withLock { state in
            defer { state.task = nil }
            return state.task
        }
        task?.cancel()
    }

    /// Listens until the task is cancelled.
    package func run() async {
        while !Task.isCancelled {
            // What fails is tried again; meanwhile those who wait ask by themselves.
            try? await listen()
            set(isHearing: false)
            await pause(for: timing.retry * Double.random(in: 0.7...1.3), cancellation: .observed)
        }
    }

    private func listen() async throws {
        let connection = try await PostgresConnection.connect(
            control.parameters,
            applicationName: "convoy control",
            timeout: control.timing.connect
        )
        defer { connection.close() }
        try await connection.query("LISTEN \(ControlNews.channel)", timeout: control.timing.answer)
        // What was written before was not heard.
        ring { _ in true }
        var nextTrial = ContinuousClock.now
        var answerBy: ContinuousClock.Instant?
        while !Task.isCancelled {
            if answerBy == nil, nextTrial <= .now {
                _ = try await control.transaction(patience: .zero, isRepeatable: true) { transaction throws(ControlError) in
                    try await transaction.commit([ControlNews.trialStatement])
                }
                answerBy = .now + timing.answer
            }
            let heard = try await connection.notifications(until: answerBy ?? nextTrial)
            let wasTried = answerBy != nil
            if heard.isEmpty, !wasTried { continue }
            answerBy = nil
            nextTrial = .now + timing.silence * Double.random(in: 1...2)
            guard !heard.isEmpty else {
                // A session that has heard before may be gone without a word.
                if isHearing { return }
                continue
            }
            set(isHearing: true)
            for news in Set(heard.lazy.filter { $0.channel == ControlNews.channel }.compactMap { ControlNews(payload: $0.payload) }) {
                // Who waits for one run takes no work.
                ring(isWork: news.isWork) { subscriber in
                    subscriber.run.map { $0 == news.run && !news.isWork } ?? true
                        && (subscriber.worker == nil || subscriber.worker != news.sender)
                }
            }
        }
    }

    private func set(isHearing: Bool) {
        let wasHearing = state.withLock { state in
            defer { state.isHearing = isHearing }
            return state.isHearing
        }
        // They wait for longer than without it.
        if wasHearing, !isHearing { ring { _ in true } }
    }

    private func ring(isWork: Bool = false, where concerns: (Subscriber) -> Bool) {
        for subscriber in state.withLock({ Array($0.subscriptions.values) }) where concerns(subscriber) {
            if !isWork { subscriber.moreThanWork.withLock { $0 = true } }
            subscriber.bell.ring()
        }
    }
}

/// What one task waits for of a ``ControlListener``, as long as a reference to it is there.
package final class ControlSubscription: RunNews {
    private let listener: ControlListener
    private let bell: Bell
    private let moreThanWork: ControlListener.Flag
    private let end: @Sendable () -> Void

    fileprivate init(
        _ listener: ControlListener,
        _ bell: Bell,
        _ moreThanWork: ControlListener.Flag,
        end: @escaping @Sendable () -> Void
    ) {
        (self.listener, self.bell, self.moreThanWork, self.end) = (listener, bell, moreThanWork, end)
    }

    /// Whether what was heard of since the last call is work to take and nothing else.
    package func takeIsOnlyWork() -> Bool {
        moreThanWork.withLock { value in
            defer { value = false }
            return !value
        }
    }

    deinit { end() }

    /// Whether notifications arrive.
    package var isHearing: Bool { listener.isHearing }

    package func wait(atMost interval: Duration, listening: Duration) async { _ = await isThere(within: interval, listening: listening) }

    /// The same.
    ///
    /// - Returns: whether something new was heard of.
    package func isThere(within interval: Duration, listening: Duration) async -> Bool {
        await bell.wait(atMost: isHearing ? listening : interval)
    }
}
