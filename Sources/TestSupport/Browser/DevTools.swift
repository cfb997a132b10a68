import ConvoyText
internal import Foundation

/// Chromium's DevTools protocol over a pair of pipes: the browser ends when they are closed, however the test process ends.
///
/// It is used by one caller at a time.
actor DevTools {
    private let process: ChildProcess
    /// How many bytes of the process's output have been read.
    private var read = 0
    private var number = 0
    private var answers: [Int: Data] = [:]
    private var events: [(method: String, message: Data)] = []

    /// Starts the browser.
    init(arguments: [String], folder: String) throws {
        // Chromium reads commands from descriptor 3 and writes to descriptor 4; commands and answers end with a zero byte.
        let script = "exec chromium --remote-debugging-pipe \"$@\" 3<&0 4>&1 </dev/null >/dev/null"
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin"
        process = try ChildProcess(
            "/bin/sh",
            ["-c", script, "chromium"] + arguments,
            environment: ["HOME": folder, "LANG": "C.UTF-8", "PATH": path, "TMPDIR": folder],
            timeLimit: .seconds(300)
        )
    }

    /// Sends a command and waits for its result.
    ///
    /// - Parameter session: of the page that it is for; nil means the browser itself.
    func send<Value: Decodable & Sendable>(_ method: String, _ parameters: JSONValue, session: String?) async throws -> Value {
        number += 1
        let number = number
        var command: [(String, JSONValue)] = [("id", .integer(number)), ("method", .string(method)), ("params", parameters)]
        if let session { command.append(("sessionId", .string(session))) }
        try process.write(JSONValue.object(.init(command)).line + "\0")
        while answers[number] == nil { try await receive(for: method) }
        let message = answers.removeValue(forKey: number) ?? Data()
        if let problem = try? JSONDecoder().decode(Problem.self, from: message).error {
            throw TestSupportError("Chromium's \(method): \(problem.message)")
        }
        return try JSONDecoder().decode(Answer<Value>.self, from: message).result
    }

    /// The events of these names since the last call, in order; the others are kept.
    func takeEvents(_ methods: Set<String>) -> [Data] {
        let taken = events.filter { methods.contains($0.method) }.map(\.message)
        events.removeAll { methods.contains($0.method) }
        return taken
    }

    /// Ends the browser.
    func stop() async {
        let _: Nothing? = try? await send("Browser.close", [:], session: nil)
        process.closeInput()
        await process.wait()
    }

    private func receive(for method: String) async throws {
        let read = read
        // A message is whole when the last byte is a zero; the next one may follow at once.
        let snapshot = await process.wait { $0.output.count > read && $0.output.last == 0 }
        let unread = snapshot.output.dropFirst(read)
        guard let end = unread.lastIndex(of: 0) else {
            throw TestSupportError(
                "Chromium ended before it answered \(method); Scripts/install installs it. It said: \(snapshot.standardError)"
            )
        }
        self.read = end + 1
        for bytes in unread[..<end].split(separator: 0) {
            let message = Data(bytes)
            let header = try JSONDecoder().decode(Header.self, from: message)
            if let id = header.id { answers[id] = message } else if let method = header.method { events.append((method, message)) }
        }
    }

    /// Takes any result.
    struct Nothing: Decodable, Sendable {
        init(from decoder: any Decoder) {}
    }

    private struct Header: Decodable {
        var id: Int?
        var method: String?
    }

    private struct Answer<Value: Decodable>: Decodable {
        var result: Value
    }

    private struct Problem: Decodable {
        struct Error: Decodable {
            var message: String
        }

        var error: Error
    }
}
