package import ConvoyFleet
import ConvoyIO
package import ConvoyJournal
package import ConvoyRun
import ConvoyText
internal import FoundationEssentials

/// Hands a run over to the workers of a control database, once, and follows it there.
package struct RunSubmission: Sendable {
    private let journal: ControlJournal
    /// Of the fleet file that the run is submitted with.
    private let fleetChecksum: String
    /// Of this hand-over: however often it is sent, it is done once.
    private let key = "\(UUID())"

    /// How long the events of a run are waited for between two looks.
    private static let interval = Duration.milliseconds(250)
    private static let pageSize = 1000
    /// Between two looks whether workers take the run, while nothing happens in it.
    private static let staffInterval = Duration.seconds(2)

    /// Nil where the runs of the fleet are not in a control database.
    package init?(_ fleet: Fleet, in journal: any RunStore) {
        guard let journal = journal as? ControlJournal else { return nil }
        (self.journal, fleetChecksum) = (journal, fleet.checksum)
    }

    /// Records a run for the workers, unless another active run is in the way.
    ///
    /// - Parameter beside: ids, or beginnings of ids, of runs that may be active at the same time.
    package func submit(_ run: NewRun, beside: [String]) async throws(RunConflict) {
        try await RunStart(in: journal).record(run, beside: beside) { start throws(JournalError) in
            try await handOver(run.record.id, resumedBy: nil, unchangedSince: RunBasis(lastEvent: 0), under: start)
        }
    }

    /// Hands a run that has ended, or was cut off, to the workers again. The caller holds its lock.
    ///
    /// - Parameters:
    ///   - basis: how far the run had got when that was decided.
    ///   - start: see ``RunStart/resume(_:_:beside:takingOver:)``.
    package func resume(
        _ run: RunID,
        unchangedSince basis: RunBasis,
        by person: String,
        under start: any RunLock
    ) async throws(JournalError) {
        try await handOver(run, resumedBy: person, unchangedSince: basis, under: start, holding: journal.token(of: run) ?? "")
    }

    private func handOver(
        _ run: RunID,
        resumedBy person: String?,
        unchangedSince basis: RunBasis,
        under start: any RunLock,
        holding token: String? = nil
    ) async throws(JournalError) {
        do throws(ControlError) {
            try await journal.control.handOver(
                run,
                key: key,
                fleetChecksum: fleetChecksum,
                resumedBy: person,
                unchangedSince: basis,
                under: start,
                holding: token
            )
        } catch {
            throw await journal.control.journalError(error)
        }
    }

    /// Whether a worker of the fleet lives.
    ///
    /// - Parameter looksTwice: whether those that were away are given the time to write again.
    package func hasWorkers(of fleet: String, looksTwice: Bool = true) async -> Bool {
        let begun = ContinuousClock.now
        while true {
            // Where that cannot be asked, nothing is to be said about it.
            guard let (seen, silent) = try? await journal.control.workersAlive(of: fleet) else { return true }
            guard looksTwice, seen == 0, silent > 0, !Task.isCancelled else { return seen > 0 }
            let time = await journal.control.isUnsettled ? RunStaff.lifetime : RunStaff.silence
            guard .now - begun < time else { return false }
            await pause(for: .milliseconds(500), cancellation: .observed)
        }
    }

    /// What is recorded of a run that is to be resumed. Read it before the run is handed over: what is not there any more after that was lost.
    package func trail(of run: RunID) async throws(RunConflict) -> EventTrail {
        do throws(JournalError) {
            var trail = EventTrail()
            let last = max(0, try await journal.lastEvent(of: run))
            let start = max(0, last - Int64(clamping: Self.pageSize))
            for event in try await journal.events(of: run, after: start, limit: Self.pageSize) { trail.note(event) }
            return trail
        } catch {
            throw .journal(error)
        }
    }

    /// Gives each event of a run as soon as it is recorded, until the run has ended.
    ///
    /// A control database that goes away is waited for. Cancelling the task ends the following, and not the run.
    ///
    /// - Parameters:
    ///   - trail: ends with the last event that is known already.
    ///   - log: what is known already.
    ///   - person: who asks, as `user@host`.
    ///   - stopRequests: an element each time that the operator asks to stop: the run is asked to, wherever it is carried out.
    ///   - answers: what else the operator asks for.
    ///   - note: is given one line when the control database goes away, and when it is back.
    /// - Returns: what happened in the run.
    package func follow(
        _ run: RunID,
        after trail: EventTrail = EventTrail(),
        _ log: RunLog = RunLog(),
        by person: String,
        stopRequests: AsyncStream<Void>,
        answers: AsyncStream<OperatorRequest.Kind>,
        events: any EventSink,
        note: @escaping @Sendable (String) -> Void
    ) async -> RunLog {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in stopRequests { await post(.stop, to: run, by: person, note) } }
            group.addTask { for await answer in answers { await post(answer, to: run, by: person, note) } }
            defer { group.cancelAll() }
            return await follow(run, after: trail, log, events, note)
        }
    }

    private func post(_ request: OperatorRequest.Kind, to run: RunID, by person: String, _ note: @Sendable (String) -> Void) async {
        do throws(JournalError) {
            try await journal.post(request, to: run, by: person, at: Date())
        } catch {
            note("the request could not be recorded: \(error.description.visible)")
        }
    }

    /// Who carries out a run, and what could not be read of that: the run is followed all the same.
    private func staff(of run: RunID) async -> (staff: RunStaff?, gap: String?) {
        do throws(JournalError) {
            let staff = try await journal.staff(of: run)
            return (staff, staff?.gap)
        } catch {
            return (nil, "whether workers take run \(run) cannot be read: \(error.message)\(error.hint.map { " (\($0))" } ?? "")".visible)
        }
    }

    private func follow(
        _ run: RunID,
        after known: EventTrail,
        _ log: RunLog,
        _ events: any EventSink,
        _ note: @Sendable (String) -> Void
    ) async -> RunLog {
        var log = log
        var trail = known
        // Those up to here were sent.
        var sent = trail.last
        var isAway = false
        let news = journal.news(of: run)
        var nextLook = ContinuousClock.now + Self.staffInterval
        var (shortages, gaps) = (LastingReason(), LastingReason())
        var isOver = false
        while !Task.isCancelled {
            do throws(JournalError) {
                let page = try await trail.next(of: run, limit: Self.pageSize, in: journal)
                if isAway { note("the control database answers again") }
                isAway = false
                if let shared = page.lastShared {
                    note("events of run \(run) that were shown are not recorded any more: a server that was behind took over")
                    // Everything is read again, and only what is new is sent.
                    (log, sent) = (RunLog(), shared)
                    continue
                }
                for event in page.events.compactMap(\.event) { log.apply(event) }
                let new = page.events.filter { $0.number > sent }.compactMap(\.event)
                if !new.isEmpty { await events.send(new) }
                sent = max(sent, trail.last)
                if new.contains(where: \.isEnd) { break }
                if page.isFull { continue }
                if !page.events.isEmpty {
                    (shortages, nextLook) = (LastingReason(), .now + Self.staffInterval)
                } else if isOver {
                    break
                } else if nextLook <= .now {
                    nextLook = .now + Self.staffInterval
                    let (staff, gap) = await self.staff(of: run)
                    if let gap = gaps.news(gap) { note(gap) }
                    // A run that was abandoned has no last event.
                    if staff == nil, let status = try await journal.runs(named: run.description).first(where: { $0.id == run })?.status {
                        isOver = true
                        if status == .abandoned { note("run \(run) was abandoned") }
                        continue
                    }
                    if let reason = shortages.news(staff?.waitReason(run)) { note("run \(run) waits: \(reason)") }
                }
            } catch {
                if !isAway { note("\(error.description.visible); the run continues, and this process tries again") }
                isAway = true
            }
            // Only what others wait for is announced, and the end of the run is; the rest is shown as it comes.
            await news.wait(atMost: Self.interval, listening: Self.interval)
        }
        return log
    }
}

extension Event {
    fileprivate var isEnd: Bool {
        if case .runFinished = kind { true } else { false }
    }
}
