import ConvoyFleet
import ConvoyIO
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import ConvoyText

/// Finds out what a waiting session waits for: asks the server in a session of its own, and reports the answer.
struct WaitObserver: Sendable {
    /// What a session is waiting for, in Convoy's own terms.
    enum Awaited: Sendable, Hashable {
        case statement(MigrationVersion)
        case commit(MigrationVersion)
        /// The COMMIT of a transaction of Convoy's own.
        case ownCommit(String)
        case other(String)

        var isCommit: Bool {
            switch self {
            case .commit, .ownCommit: true
            case .statement, .other: false
            }
        }

        var text: String {
            switch self {
            case .statement(let version): "migration \(version)"
            case .commit(let version): "the COMMIT of migration \(version)"
            case .ownCommit(let text): "the COMMIT of \(text)"
            case .other(let text): text
            }
        }
    }

    let instance: Instance
    /// The login of the session that waits: only then the server shows what it waits for.
    let parameters: ConnectionParameters
    let sessionName: String
    /// The server process that waits.
    let pid: Int32
    let sides: SideSessions
    let timing: InstanceRunner.Timing
    let sightings: Sightings
    let report: @Sendable (Event.Kind) -> Void

    /// The result of one probe.
    private enum Look {
        /// The server did not answer.
        case silence(String)
        /// It answered, and said no.
        case refusal
        case answer(waitType: String?, wait: String?, holders: [LockHolder])
    }

    /// Watches until its task is cancelled.
    ///
    /// - Parameter urgency: how often to ask from the start on, after an attempt that did not get its lock; nil waits until one answer takes long.
    func observe(_ watch: PipelineWatch, urgency: Duration?, _ awaited: @Sendable (Int) -> Awaited) async {
        if let urgency {
            await sides.asking(instance.server) { await watchClosely(watch, every: urgency, awaited) }
        }
        var silentSince: ContinuousClock.Instant?
        while !Task.isCancelled {
            guard let progress = watch.progress, ContinuousClock.now >= progress.since + timing.patience else {
                let since = watch.progress?.since ?? .now
                silentSince = nil
                await pause(for: max(.milliseconds(10), since + timing.patience - .now), cancellation: .observed)
                continue
            }
            let begin = ContinuousClock.now
            let seen = await sides.asking(instance.server) { await look() }
            guard !Task.isCancelled, let seen else {
                await pause(for: timing.lookPause / 10, cancellation: .observed)
                continue
            }
            if watch.progress == progress {
                tell(seen, awaited(progress.index), since: progress.since)
                if case .silence(let message) = seen {
                    silentSince = silentSince ?? begin
                    if let since = silentSince, ContinuousClock.now - since >= timing.silence {
                        watch.giveUp("no answer for \(Self.seconds(.now - progress.since)), and none to a new session: \(message)")
                    }
                } else {
                    silentSince = nil
                }
            }
            await pause(for: timing.lookPause, cancellation: .observed)
        }
    }

    /// Asks repeatedly in one session, because the wait in question ends by itself with `lock_timeout`.
    private func watchClosely(_ watch: PipelineWatch, every interval: Duration, _ awaited: @Sendable (Int) -> Awaited) async {
        guard case .success(let connection) = await open() else { return }
        defer { connection.close() }
        let end = ContinuousClock.now + timing.closeWatch
        while !Task.isCancelled, ContinuousClock.now < end {
            let progress = watch.progress
            guard let seen = try? await ask(connection), case .answer(_, _, let holders) = seen else { return }
            if !holders.isEmpty, let progress { tell(seen, awaited(progress.index), since: progress.since) }
            await pause(for: interval, cancellation: .observed)
        }
    }

    private func tell(_ look: Look, _ awaited: Awaited, since: ContinuousClock.Instant) {
        let time = Self.seconds(.now - since)
        let text: String
        var blockers: [LockHolder] = []
        switch look {
        case .refusal: return
        case .silence(let message):
            text = "no answer for \(time): waiting for \(awaited.text); a new session gets no answer either (\(message))"
            if !sightings.isNews("silence \(awaited.text)") { return }
        case .answer(let type, let wait, let holders):
            if !holders.isEmpty {
                sightings.holders = holders
                blockers = holders
                let names = holders.prefix(3).map(\.description).joined(separator: ", ")
                text = "\(awaited.text) waits for a lock; \(names) \(holders.count == 1 ? "holds" : "hold") it"
            } else if wait == "SyncRep" {
                if awaited.isCommit { sightings.isWaitingForStandby = true }
                text =
                    "\(awaited.text) waits for a synchronous standby (wait event SyncRep): it is committed on this server but not confirmed; "
                    + "check the standby and synchronous_standby_names"
            } else if awaited.isCommit {
                let event = [type, wait].compactMap(\.self).joined(separator: " ")
                text = "no answer for \(time): waiting for \(awaited.text)\(event.isEmpty ? "" : ", which waits for \(event)")"
                if !sightings.isNews("commit \(awaited.text) \(event)") { return }
            } else {
                return
            }
        }
        // Which statement waits is not known here: the server holds back the results of those before it.
        if sightings.isNews(text) {
            report(.instanceWaiting(instance: instance.name, reason: text, facts: WaitFacts(blockers: blockers)))
        }
    }

    private func look() async -> Look {
        switch await open() {
        case .success(let connection):
            defer { connection.close() }
            do {
                return try await ask(connection)
            } catch {
                return error.code == .server ? .refusal : .silence(error.message)
            }
        case .failure(let error):
            let isSilent = error.server == nil && [.timedOut, .connectFailed, .connectionLost].contains(error.code)
            return isSilent ? .silence(error.message) : .refusal
        }
    }

    private func open() async -> Result<PostgresConnection, PostgresError> {
        do throws(PostgresError) {
            let connection = try await PostgresConnection.connect(
                parameters,
                applicationName: sessionName,
                timeout: min(instance.settings.connectTimeout, timing.sideTimeout)
            )
            return .success(connection)
        } catch {
            return .failure(error)
        }
    }

    private func ask(_ connection: PostgresConnection) async throws(PostgresError) -> Look {
        let opening = [PipelineStatement("BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY")] + OwnIdentity.localResets
        let results = try await connection.pipeline(
            opening + [
                PipelineStatement(
                    """
                    SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true),
                        pg_catalog.set_config('jit', 'off', true), pg_catalog.set_config('statement_timeout', '\(timing.sideTimeout.milliseconds)', true)
                    """
                ),
                PipelineStatement(
                    """
                    SELECT a.wait_event_type AS type, a.wait_event AS event FROM pg_catalog.pg_stat_activity a
                    WHERE a.pid = $1::integer AND a.state <> 'idle'
                    """,
                    [String(pid)]
                ),
                LockHolder.blocking(pid),
                PipelineStatement("ROLLBACK"),
            ],
            timeout: timing.sideTimeout
        )
        let state = try results[opening.count + 1].get().rows.first
        return .answer(
            waitType: try state?.optionalText("type"),
            wait: try state?.optionalText("event"),
            holders: LockHolder.list(try results[opening.count + 2].get())
        )
    }

    private static func seconds(_ duration: Duration) -> String { "\(Int64(clamping: duration / .seconds(1))) s" }
}
