import ConvoyIO
import ConvoyJournal
package import ConvoyRun
import ConvoyText

extension Worker {
    /// Makes the tables of the control database where they are missing. What may pass is waited for, for example that it does not answer or cannot be written:
    /// ``run()`` does the same as soon as it can.
    ///
    /// - Throws: a ``JournalError`` if the control database answers and cannot be used, for example because a newer Convoy has changed its tables or this
    ///   role has no rights: that stays so.
    package func prepare() async throws(JournalError) {
        guard !isPrepared else { return }
        do throws(ControlTrouble) {
            try await makeTablesOnce()
            isPrepared = true
        } catch {
            guard error.mayPass else { throw error.problem }
            let words = error.problem.description
            if trouble != words { log("warning: \(words); the worker waits for it") }
            trouble = words
        }
    }

    private func makeTablesOnce() async throws(ControlTrouble) {
        let state: ControlSchema.State
        do throws(ControlError) {
            state = try await control.schemaState(patience: .zero)
        } catch {
            throw ControlTrouble(error, control.place)
        }
        if state != .current { try await control.makeTables(.missing) }
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
