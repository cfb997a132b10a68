package import ConvoyRun

extension RunRecord {
    /// The current state of the run; of a run without an end, its lock says whether a process works on it.
    ///
    /// - Parameter journal: the journal's file.
    package func state(journal: String) throws(JournalError) -> RunState {
        try RunState(status, isRunning: try RunLock.holder(of: id, journal: journal) != nil)
    }
}
