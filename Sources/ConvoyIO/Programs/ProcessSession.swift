import ConvoyText
internal import FoundationEssentials
internal import Glibc

/// The processes of a session, which a program of ours leads: whatever it started is in it, process groups of their own included, unless it
/// made itself a session of its own as daemons do.
struct ProcessSession: Sendable {
    /// The leader's process id. The kernel does not reuse the number while the session has a process.
    let id: pid_t

    struct Member: Sendable, Hashable {
        var process: pid_t
        var group: pid_t
    }

    /// The processes that still run. Ended processes that wait to be collected are left out: in a container without an init, they stay for
    /// ever.
    func members() -> [Member] {
        guard let entries = try? FileManager.default.contentsOfDirectory(atPath: "/proc") else { return [] }
        return entries.compactMap { entry in
            guard let process = pid_t(entry), getsid(process) == id, !Self.hasEnded(process) else { return nil }
            return Member(process: process, group: getpgid(process))
        }
    }

    /// Ends every process: SIGTERM first, and after the grace SIGKILL, until none is left. It is not itself cancelled. Where the task's ``WorkPermit`` is
    /// withdrawn, SIGKILL comes at the latest at the permit's last moment.
    ///
    /// - Returns: those that could not be ended, for example because they have become another user's.
    func end(grace: Duration) async -> [pid_t] {
        var left = members()
        if left.isEmpty { return [] }
        Self.send(SIGTERM, to: left)
        let deadline = ContinuousClock.now + grace
        while .now < min(deadline, WorkPermit.current?.lastMoment ?? deadline) {
            await pause(for: Self.interval, cancellation: .ignored)
            left = members()
            if left.isEmpty { return [] }
        }
        for _ in 0..<Self.killAttempts {
            Self.send(SIGKILL, to: left)
            await pause(for: Self.interval, cancellation: .ignored)
            left = members()
            if left.isEmpty { return [] }
        }
        return left.map(\.process).sorted()
    }

    private static let interval = Duration.milliseconds(20)
    /// A second's worth: one that SIGKILL does not end by then hangs in the kernel, or is not ours.
    private static let killAttempts = 50

    static func send(_ signal: Int32, to members: [Member]) {
        // By group, so that one that is being forked now is not missed.
        for group in Set(members.map(\.group)) where group > 1 { kill(-group, signal) }
    }

    private static func hasEnded(_ process: pid_t) -> Bool {
        // The name before the state may itself hold anything, brackets included.
        guard let status = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
            let state = status.lastIndex(of: ")").map({ status[$0...].dropFirst(2) })?.first
        else { return true }
        return state == "Z" || state == "X"
    }
}
