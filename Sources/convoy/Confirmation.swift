import ConvoyRollout
import Dispatch

/// The question to the operator before databases are changed.
enum Confirmation {
    /// - Throws: a ``CommandFailure`` without `--yes` where there is no terminal to ask on.
    static func checkPossible(yes: Bool, settings: Settings) throws {
        guard yes || !settings.writesJSONLines else {
            throw CommandFailure(
                .usage,
                "this command changes databases, and with --progress json it asks no question",
                hint: "preview it with --dry-run, then add --yes"
            )
        }
        guard yes || settings.canAsk else {
            throw CommandFailure(
                .usage,
                "this command changes databases, and there is no terminal to ask for confirmation",
                hint: "preview it with --dry-run, then add --yes"
            )
        }
    }

    /// Asks on the terminal; only `y` and `yes` confirm.
    ///
    /// - Throws: a ``CommandFailure`` for any other answer.
    static func ask(_ question: String) async throws {
        StandardStreams.error.write("\(question) [y/N] ")
        // Reading blocks, and the thread that handles Ctrl-C must stay free.
        let answer = await withCheckedContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(returning: readLine()) }
        }
        if answer == nil { StandardStreams.error.write("\n") }
        guard let answer, ["y", "yes"].contains(answer.lowercased().filter { !$0.isWhitespace }) else {
            throw CommandFailure(.interrupted, "not confirmed; nothing was changed")
        }
    }
}
