import ConvoyFleet
import ConvoyIO
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import ConvoyText

/// Asks an instance, before anything is changed there, whether a migration that is pending would fail.
struct Preflight {
    let runner: InstanceRunner
    let instance: Instance
    let change: Change
    let connection: PostgresConnection
    /// How long to wait for a table that another session has locked; zero for a probe.
    var lockWait = Duration.zero
    /// Called once with the reason for a long wait.
    var onWait: (_ reason: String) -> Void = { _ in }
    /// Called with the name of the next question.
    var onStage: (_ what: String) -> Void = { _ in }

    /// Maximum number of reasons that each query returns, and that are shown.
    static let reasonLimit = 20
    /// Maximum number of characters of a reason, which is one sentence.
    static let reasonLength = 500

    /// Judges a reading and, where nothing else stands in the way, asks the pending checks and steps.
    ///
    /// A check that is wrong about a database because another migrator works there at this moment is not believed: the ledger is read again.
    func assess(_ reading: InstanceProbe.Reading) async throws(Failure) -> (InstanceProbe.Reading, InstanceAssessment) {
        let start = ContinuousClock.now
        var reading = reading
        var retry = LockRetry(
            lockTimeout: instance.settings.lockTimeout,
            deadlockTimeout: reading.facts.deadlockTimeout,
            lockWait: lockWait,
            autovacuumWait: instance.settings.autovacuumWait
        )
        let sightings = Sightings()
        var moves = 0
        while true {
            var assessment = InstanceAssessment(reading, set: runner.set, change: change, instance: instance, intent: runner.intent)
            if let failure = assessment.failure { assessment.failure = await withAdvice(failure, reading) }
            // Checks and steps read the tenant's tables.
            guard assessment.failure == nil, reading.mayWork,
                let failure = await watching(
                    reading,
                    retry,
                    sightings,
                    { await obstacle(&assessment, reading, lockTimeout: retry.currentLockTimeout) }
                )
            else { return (reading, assessment) }
            assessment.failure = failure
            guard connection.isOpen else { return (reading, assessment) }
            let again: InstanceProbe.Reading
            switch failure.kind {
            case .lockBusy:
                let holders = sightings.holders
                guard let wait = retry.attemptFailed(elapsed: .now - start, jitter: Double.random(in: 0...1), holders: holders) else {
                    assessment.failure = Failure(busy: failure.message, holders)
                    assessment.failure?.sqlstate = failure.sqlstate
                    return (reading, assessment)
                }
                // The attempts after the first are watched.
                if retry.attempts == 1 {
                    onWait("a preflight check waits for a table")
                } else {
                    let who = holders.first.map { "\($0) holds it" } ?? "the holder is unknown"
                    if sightings.isNews(who) { onWait("a preflight check waits for a table; \(who)") }
                }
                await pause(for: wait, cancellation: .observed)
                again = try await InstanceProbe(instance: instance).read(connection)
            case .blocked where moves < 5:
                again = try await InstanceProbe(instance: instance).read(connection)
                if again.contents?.applied == reading.contents?.applied { return (reading, assessment) }
                moves += 1
            default:
                return (reading, assessment)
            }
            reading = again
        }
    }

    /// Runs an attempt, except the first one, while another session finds out what blocks it.
    private func watching(
        _ reading: InstanceProbe.Reading,
        _ retry: LockRetry,
        _ sightings: Sightings,
        _ attempt: () async -> Failure?
    ) async -> Failure? {
        guard let urgency = retry.urgency else { return await attempt() }
        let observer = WaitObserver(
            instance: instance,
            parameters: instance.direct ?? instance.connection,
            sessionName: "convoy",
            pid: reading.facts.identity?.backendPID ?? connection.backendPID,
            sides: runner.sides,
            timing: runner.timing,
            sightings: sightings,
            report: { _ in }
        )
        let watch = PipelineWatch(.uniform(nil), slack: .zero)
        connection.watch = watch
        defer { connection.watch = nil }
        return await withTaskGroup(of: Void.self) { group in
            group.addTask { await observer.observe(watch, urgency: urgency) { _ in .other("a preflight check") } }
            defer { group.cancelAll() }
            return await attempt()
        }
    }

    private func obstacle(
        _ assessment: inout InstanceAssessment,
        _ reading: InstanceProbe.Reading,
        lockTimeout: Duration
    ) async -> Failure? {
        let verdict = await catalogueVerdict(assessment, reading)
        assessment.warnings += verdict.warnings
        assessment.forAdmin = verdict.forAdmin
        if let failure = verdict.failure { return failure }
        if let failure = await checkBlocker(assessment, reading, lockTimeout) { return failure }
        if let failure = verdict.conflict { return failure }
        return await runner.stepBlockers(assessment, reading.facts, instance, connection)
    }
}

// MARK: - Checks

extension Preflight {
    /// A query of a pending check, as it is sent.
    private struct Question {
        let check: MigrationCheck
        let query: MigrationCheck.Query

        /// One more row than is shown, so that it is known whether there are others; only the first column, cut to a sentence's length. As a
        /// subquery it can be nothing but a query.
        private static let head = """
            SELECT pg_catalog.left(reasons.reason::pg_catalog.text, \(Preflight.reasonLength)) AS reason FROM (

            """

        var statement: PipelineStatement {
            PipelineStatement(
                "\(Self.head)\(query.statement.text)\n) AS reasons (reason) LIMIT \(Preflight.reasonLimit + 1)",
                // Where one is slow, those before it have answered.
                flushes: true
            )
        }

        /// The server's words about the statement as sent, as if the query had been sent alone.
        func message(_ message: ServerMessage) -> ServerMessage {
            var message = message
            message.position = message.position.flatMap { position in
                let inQuery = position - Self.head.unicodeScalars.count
                return inQuery >= 1 ? inQuery : nil
            }
            return message
        }
    }

    /// All pending checks in one round trip, in a read-only transaction, as the ledger's owner and with the path of the migrations.
    private func checkBlocker(
        _ assessment: InstanceAssessment,
        _ reading: InstanceProbe.Reading,
        _ lockTimeout: Duration
    ) async -> Failure? {
        let applied = Set(reading.contents?.applied ?? [])
        let questions = questions(assessment, applied: applied)
        guard !questions.isEmpty, let ledger = assessment.ledger else { return nil }
        let timeout = instance.settings.statementTimeout
        let settings = PipelineStatement(
            """
            SELECT pg_catalog.set_config('search_path', $1, true), pg_catalog.set_config('statement_timeout', $2, true),
                pg_catalog.set_config('lock_timeout', $3, true), pg_catalog.set_config('standard_conforming_strings', 'on', true)
            """,
            [ledger.searchPath, "\(timeout.milliseconds)ms", "\(lockTimeout.milliseconds)ms"]
        )
        let opening = InstanceProbe(instance: instance).opening(on: connection) + reading.facts.settingRole(for: ledger) + [settings]
        func enter(_ number: Int) {
            if questions.indices.contains(number) { onStage("the preflight check of \(questions[number].check.version)") }
        }
        enter(0)
        do {
            let results = try await connection.pipeline(
                opening + questions.map(\.statement) + [PipelineStatement("ROLLBACK")],
                // Zero means no limit.
                timeout: timeout == .zero ? nil : InstanceProbe.silenceTimeout + timeout * questions.count,
                onResult: { index, _ in enter(index + 1 - opening.count) }
            )
            if connection.transactionStatus != .idle { try await connection.query("ROLLBACK", timeout: InstanceProbe.silenceTimeout) }
            for result in results.prefix(opening.count) { _ = try result.get() }
            return try verdict(Array(zip(questions, results.dropFirst(opening.count))))
        } catch {
            return Failure(error, doing: "asking the preflight checks", settings: instance.settings)
        }
    }

    /// A checkpoint runs none of the migrations that it stands for.
    private func questions(_ assessment: InstanceAssessment, applied: Set<MigrationVersion>) -> [Question] {
        guard let plan = assessment.plan, plan.direction == .up else { return [] }
        let versions = plan.versions.filter { version in assessment.checkpoint.map { version > $0.version } ?? true }
        return versions.compactMap { runner.set.checks[$0] }.flatMap { check in
            check.queries.filter { $0.fits(ledger: applied) }.map { Question(check: check, query: $0) }
        }
    }

    /// The reasons of all checks together, under the first check that returned one; a failed query counts if there are no reasons.
    private func verdict(_ answers: [(Question, PipelineResult)]) throws(PostgresError) -> Failure? {
        var reasons: [(question: Question, text: String)] = []
        var isCut = false
        var problem: Failure?
        for (question, result) in answers {
            switch result {
            case .success(let rows):
                isCut = isCut || rows.rows.count > Self.reasonLimit
                for row in rows.rows.prefix(Self.reasonLimit) {
                    // A NULL is a sentence that went wrong, not a database that is right.
                    let text = try row.optionalText("reason") ?? "a row that the check rejects, without words"
                    reasons.append((question, text))
                }
            case .failure(let message): problem = failure(question, message)
            case .skipped: break
            }
        }
        guard let first = reasons.first?.question else { return problem }
        var message = ""
        var version = first.check.version
        for (question, text) in reasons.prefix(Self.reasonLimit) {
            if !message.isEmpty { message += "; " }
            if question.check.version != version {
                version = question.check.version
                message += "before \(version): "
            }
            message += text
        }
        let hidden = reasons.count - Self.reasonLimit
        if isCut || hidden > 0 { message += hidden > 0 && !isCut ? "; and \(hidden) more" : "; and more" }
        return Failure(
            .blocked,
            message,
            version: first.check.version,
            file: first.check.file,
            line: first.query.statement.line,
            hint: "nothing was changed; correct this, then run the command again"
        )
    }

    /// A query that the server refused.
    private func failure(_ question: Question, _ message: ServerMessage) -> Failure {
        let settings = instance.settings
        let error = PostgresError(.server, message.message, server: message)
        let waited = Failure(error, doing: "asking the preflight check of \(question.check.version)", settings: settings)
        guard waited.kind != .interrupted, waited.kind != .lockBusy else { return waited }
        var failure = Failure(.blocked, server: question.message(message), statement: question.query.statement, settings: settings)
        failure.message = "the preflight check of \(question.check.version) cannot be asked: \(failure.message)"
        (failure.version, failure.file) = (question.check.version, question.check.file)
        failure.hint = Self.hint(for: message)
        return failure
    }

    /// What to do about a check that the server refused. Only names that are missing speak of the schema; the rest is the server's own trouble.
    static func hint(for message: ServerMessage) -> String {
        switch message.sqlstate {
        case "42P01", "42703", "42883", "42704":
            "the schema does not match the versions in the ledger: compare it with another instance, or correct the preflight check"
        case "57014": "it took longer than statement_timeout: raise statement_timeout, or find what slows the database down"
        case "42501" where message.message.contains("row-level security"):
            "the preflight check must see every row: as the table's owner, ALTER TABLE … NO FORCE ROW LEVEL SECURITY"
        case "42501": "the role lacks a right: make it the owner of the object"
        default:
            SQLStateHint.text(for: message, on: .anytime) ?? "read the server's message, then correct the preflight check or what it reads"
        }
    }
}
