internal import Synchronization

/// The secret commands of a fleet file, and what they gave.
///
///     let commands = SecretCommands([vault], environment: environment)
///     let answer = try await commands.answer(to: SecretReference(command: "vault", key: "teslamate/alice"))
///
/// A program runs only when a secret is needed that is not known, once for each key however many tasks wait for it, and only a few at a time.
package actor SecretCommands {
    /// Runs a command's program for a key.
    package typealias Asking = @Sendable (_ command: SecretCommand, _ key: String) async -> Result<Secret, SecretFailure>

    /// How many programs run at a time.
    package static let programsAtOnce = 8

    private struct Flight {
        var waiters: [Int: OneShot<Result<SecretAnswer, SecretFailure>>] = [:]
        /// Nil until its turn comes.
        var task: Task<Void, Never>?
        /// No task waits for it any more, and its program is being ended.
        var isAbandoned = false
    }

    private struct Surroundings {
        var withheld: Set<String> = []
        var mask: SecretMask
    }

    private let commands: [String: SecretCommand]
    private let environment: [String: String]
    private let asking: Asking?
    private let now: @Sendable () -> Duration
    nonisolated private let list: LateSecretList
    nonisolated private let surroundings: Mutex<Surroundings>

    private var known: [SecretReference: SecretAnswer] = [:]
    private var flights: [SecretReference: Flight] = [:]
    /// Those that wait for a free place, in the order in which they were first wanted.
    private var queue: [SecretReference] = []
    private var running = 0
    private var lastAnswer = 0
    private var lastWaiter = 0

    /// - Parameters:
    ///   - environment: of this process.
    ///   - clock: by which secrets grow old.
    ///   - asking: instead of running the programs.
    package init(
        _ commands: [SecretCommand],
        environment: [String: String],
        clock: some Clock<Duration> = ContinuousClock(),
        asking: Asking? = nil
    ) {
        self.commands = Dictionary(commands.map { ($0.name, $0) }) { first, _ in first }
        self.environment = environment
        self.asking = asking
        let start = clock.now
        now = { start.duration(to: clock.now) }
        let list = LateSecretList()
        self.list = list
        surroundings = Mutex(Surroundings(mask: SecretMask([], late: list.mask { _ in true })))
    }

    /// What programs must not get, and what is hidden in what they say: known when the whole fleet file is read.
    package nonisolated func keep(_ secrets: some Sequence<String>, variables: Set<String>) {
        surroundings.withLock { surroundings in
            surroundings.withheld = variables
            surroundings.mask = surroundings.mask.adding(Array(secrets))
        }
    }

    /// For masks: the secrets that commands have given and will give.
    ///
    /// - Parameter accepts: which of them are hidden.
    package nonisolated func lateMask(accepting accepts: @escaping @Sendable (String) -> Bool) -> LateMask {
        list.mask(accepting: accepts)
    }

    /// The secret of a key: as it is known, or else as the program gives it.
    ///
    /// - Parameter refused: an answer that a server did not take. It is forgotten, and the program is asked anew.
    package func answer(to reference: SecretReference, insteadOf refused: SecretAnswer? = nil) async throws(SecretFailure) -> SecretAnswer {
        // A program that was already running may have read what the server no longer takes.
        let isUnderWay = flights[reference]?.task != nil
        let answer = try await nextAnswer(to: reference, insteadOf: refused)
        guard let refused, isUnderWay, answer.secret == refused.secret else { return answer }
        return try await nextAnswer(to: reference, insteadOf: answer)
    }

    private func nextAnswer(to reference: SecretReference, insteadOf refused: SecretAnswer?) async throws(SecretFailure) -> SecretAnswer {
        guard let command = commands[reference.command] else {
            throw SecretFailure("the fleet file has no secret command “\(reference.command)”")
        }
        if let answer = known[reference] {
            let isRefused = refused.map { answer.number <= $0.number } ?? false
            if !isRefused, now() - answer.askedAt < command.timeToLive { return answer }
            known[reference] = nil
        }
        if flights[reference] == nil {
            flights[reference] = Flight()
            queue.append(reference)
        }
        lastWaiter += 1
        let (id, waiter) = (lastWaiter, OneShot<Result<SecretAnswer, SecretFailure>>())
        flights[reference]?.waiters[id] = waiter
        startNext()
        if let result = await waiter.value() { return try result.get() }
        await leave(reference, id)
        throw .cancelled
    }

    /// A task waits no longer. The last one ends the program and sees to it that nothing of it stays behind.
    private func leave(_ reference: SecretReference, _ id: Int) async {
        guard flights[reference]?.waiters.removeValue(forKey: id) != nil, let flight = flights[reference], flight.waiters.isEmpty else {
            return
        }
        guard let task = flight.task else {
            flights[reference] = nil
            queue.removeAll { $0 == reference }
            return
        }
        flights[reference]?.isAbandoned = true
        task.cancel()
        await task.value
    }

    private func startNext() {
        while running < Self.programsAtOnce, !queue.isEmpty {
            let reference = queue.removeFirst()
            guard let command = commands[reference.command], flights[reference] != nil else { continue }
            running += 1
            let askedAt = now()
            // A task of its own: several tasks may wait for it, and each of them may be cancelled.
            flights[reference]?.task = Task {
                let answer = await ask(command, reference.key)
                finish(reference, answer, askedAt: askedAt)
            }
        }
    }

    private func ask(_ command: SecretCommand, _ key: String) async -> Result<Secret, SecretFailure> {
        if let asking { return await asking(command, key) }
        let (withheld, mask) = surroundings.withLock { ($0.withheld, $0.mask) }
        return await command.ask(
            for: key,
            environment: ProgramEnvironment.variables(of: environment, named: command.environment, secrets: withheld),
            mask: mask
        )
    }

    private func finish(_ reference: SecretReference, _ result: Result<Secret, SecretFailure>, askedAt: Duration) {
        running -= 1
        defer { startNext() }
        guard let flight = flights[reference] else { return }
        if flight.isAbandoned, !flight.waiters.isEmpty {
            // These came while the program was being ended.
            flights[reference] = Flight(waiters: flight.waiters)
            queue.append(reference)
            return
        }
        flights[reference] = nil
        lastAnswer += 1
        let answer = result.map { SecretAnswer(secret: $0, number: lastAnswer, askedAt: askedAt) }
        if case .success(let answer) = answer {
            list.add(answer.secret.reveal(), of: reference)
            known[reference] = answer
        }
        for waiter in flight.waiters.values { waiter.fulfil(answer) }
    }
}
