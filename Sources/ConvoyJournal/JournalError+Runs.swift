import ConvoyRun

extension JournalError {
    /// Another process has the run's lock.
    static func stillRunning(_ path: String, _ run: RunID, _ holder: String) -> JournalError {
        var error = JournalError(
            path: path,
            message: "run \(run) is still running (\(holder))",
            hint: "see its progress with `convoy runs show \(run)`, or stop it with `convoy stop \(run)`"
        )
        error.reason = .held
        return error
    }

    /// A worker has a lease of the run.
    static func workedOn(_ path: String, _ run: RunID, by worker: String) -> JournalError {
        var error = JournalError(
            path: path,
            message: "worker \(worker) works on run \(run)",
            hint: "stop it with `convoy stop \(run)`; if that worker is gone, its lease ends by itself: try again then"
        )
        error.reason = .held
        return error
    }

    /// Another process is starting a run.
    ///
    /// - Parameter other: what else it may be doing.
    static func starting(_ path: String, _ holder: String, or other: String? = nil) -> JournalError {
        let words = "another process is starting a run" + (other.map { ", or \($0)" } ?? "")
        var error = JournalError(path: path, message: "\(words) (\(holder))", hint: "try again in a moment")
        error.reason = .held
        return error
    }

    static func abandoned(_ path: String, _ run: String, by person: String) -> JournalError {
        JournalError(path: path, message: "run \(run) was abandoned by \(person)", hint: "start a new run with `convoy migrate`")
    }

    /// A run is not as it was read.
    ///
    /// - Parameter now: how far it has got.
    static func changed(_ path: String, _ run: RunID, since basis: RunBasis, _ now: RunBasis) -> JournalError {
        let what =
            switch now.lastEvent {
            case basis.lastEvent: "was submitted to workers again since it was read"
            case ..<basis.lastEvent: "lacks events that were read, because a server that was behind took over"
            default: "has got further since it was read"
            }
        var error = JournalError(
            path: path,
            message: "run \(run) \(what); nothing was changed",
            hint: "see in `convoy report \(run)` how it stands; if you still want to resume or abandon it, run the command again"
        )
        error.reason = .changed
        return error
    }

    static func diskFull(_ path: String) -> JournalError {
        JournalError(
            path: path,
            message: "the disk is full",
            hint: "free disk space, then continue an interrupted run with `convoy resume`"
        )
    }
}
