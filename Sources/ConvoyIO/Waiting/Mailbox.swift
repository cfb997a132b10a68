internal import Synchronization

/// Messages from many tasks to one reader, in the order in which they were posted.
///
/// Unlike a stream, the reader gets at once all that has come in, so that one turn of work covers it; and waiting ignores cancellation,
/// because a cancelled run still has to hear how its instances ended.
package final class Mailbox<Message: Sendable>: Sendable {
    private struct State {
        var messages: [Message] = []
        var reader: CheckedContinuation<[Message], Never>?
    }

    private let state = Mutex(State())

    package init() {}

    /// Adds a message; never waits.
    package func post(_ message: Message) {
        let reader = state.withLock { state in
            guard let reader = state.reader else {
                state.messages.append(message)
                return nil as CheckedContinuation<[Message], Never>?
            }
            state.reader = nil
            return reader
        }
        reader?.resume(returning: [message])
    }

    /// Everything that has come in since the last call, at least one message. Only one task may read.
    package func receive() async -> [Message] {
        await withCheckedContinuation { continuation in
            let messages = state.withLock { state in
                if state.messages.isEmpty { state.reader = continuation }
                defer { state.messages = [] }
                return state.messages
            }
            if !messages.isEmpty { continuation.resume(returning: messages) }
        }
    }
}
