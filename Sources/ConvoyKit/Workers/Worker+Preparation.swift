import ConvoyIO
import ConvoyJournal
package import ConvoyRun
import ConvoyText

extension Worker {
    /// Makes the tables of the control database where they are missing. One that does not answer is waited for: ``run()`` does the same as soon as it does.
    ///
    /// - Throws: a ``JournalError`` if the control database answers and cannot be used, for example because a newer Convoy has changed its tables or this
    ///   role has no rights: that stays so.
    package func prepare() async throws(JournalError) {
        guard !isPrepared else { return }
        do throws(ControlError) {
            isPrepared = try await control.schemaState(patience: .zero) == .current
        } catch {
            let problem = error.journalError(control.place)
            guard error.mayPass else { throw problem }
            let words = problem.description
            if trouble != words { log("warning: \(words); the worker waits for it") }
            trouble = words
            return
        }
        if !isPrepared { try await control.prepare() }
        isPrepared = true
    }

    /// Waits until the control database can be used, or until the worker is to end.
    func waitForTables() async throws(JournalError) {
        while true {
            lastTurn = .now
            try await prepare()
            if isPrepared || isDraining { return }
            for message in await mailbox.receive() { take(message) }
            if isDraining { return }
        }
    }
}
